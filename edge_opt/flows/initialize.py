"""The preprocessing contract, written beside the data, and ten pictures as the model will see them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry, units
from edge_opt.flows.prepare import asking, classes_of, contract_of, frontend_of, read_data
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.results import preview
from edge_opt.stages import contract as contracts
from edge_opt.store import Run
from edge_opt.types import Finding, Model, Preprocessing, Step, Watch

_TRIED = 300


@dataclass(frozen=True, kw_only=True)
class Initialized:
    """The contract, the file that holds it, and the picture of ten samples as the model will see them."""

    contract: Preprocessing
    path: Path
    preview: Path
    findings: tuple[Finding, ...]


def initialize(
    data_path: Path,
    model_path: Path | None,
    *,
    allow_code: bool,
    run: Run,
    executor: registry.Executor,
    watch: Watch,
) -> Initialized:
    """The contract that lies beside the data; where there is none, the one the model's accuracy supports, now written.

    Without a model it is an assumption, which a finding says: the pictures' own size, and pixels divided by 255.
    ``run`` holds what only the work needs.
    """
    data = read_data(data_path, watch)
    samples = data.validation or data.test or data.train
    assert samples is not None
    written = preprocess.read(data_path)
    if model_path is None:
        contract, found = (written, ()) if written else _assumed(samples)
    else:
        contract, found = _supported(data_path, data, samples, model_path, run, executor, allow_code, watch)
    path = preprocess.contract_path(data_path) if written else preprocess.write(contract, data_path)
    watch(Step(stage="draw", what="ten pictures", done=0, total=1))
    drawn = preview.sheet(contract, samples, data.classes, path.with_suffix(".png"))
    return Initialized(contract=contract, path=path, preview=drawn, findings=(*data.findings, *found))


def _supported(
    data_path: Path,
    data: datasets.Dataset,
    samples: datasets.Samples,
    model_path: Path,
    run: Run,
    executor: registry.Executor,
    allow_code: bool,
    watch: Watch,
) -> tuple[Preprocessing, tuple[Finding, ...]]:
    watch(Step(stage="load", what=str(model_path), done=0, total=1))
    frontend = frontend_of(model_path)
    model: Model
    model, _ = executor.submit(frontend.prepare, model_path, run.scratch("source"), allow_code).result()
    fits = datasets.check_outputs(data, classes_of(model.outputs[0]))
    predict = asking(model_path, executor, allow_code)
    contract, found = contract_of(data_path, model.inputs[0], samples, predict, run, watch)
    if not found:  # it lay beside the data already, and is tried on what this model answers
        few = samples.take(np.random.default_rng(0).permutation(len(samples))[:_TRIED])
        (answers,) = predict([preprocess.prepare(contract, few, run.scratch("kept.npy"))])
        right = answers.argmax(axis=1) == few.labels
        found = (contracts.doubt(right, few.labels) or _kept(right),)
    return contract, (*fits, *found)


def _kept(correct: NDArray[np.bool_]) -> Finding:
    return Finding(
        code="EO121",
        level="info",
        message=f"the contract beside the data is kept; with it the model is right on "
        f"{units.format_percent(float(correct.mean()))} of {len(correct)} pictures",
        hint="to have it found anew, move the file away and run this again",
    )


def _assumed(samples: datasets.Samples) -> tuple[Preprocessing, tuple[Finding, ...]]:
    height, width, channels = samples.image(0).shape
    contract = Preprocessing(
        color="gray" if channels == 1 else "rgb", height=height, width=width, scale=(1 / 255,), offset=(0.0,)
    )
    finding = Finding(
        code="EO120",
        level="warning",
        message=f"without a model the contract is assumed: {preprocess.describe(contract)}",
        hint="give the model too ('edge-opt init DATA MODEL'), or edit the file to what the training did",
    )
    return contract, (finding,)
