"""The preprocessing contract, written beside the data, and ten samples as the model will see them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry, units
from edge_opt.errors import MissingPackage
from edge_opt.flows.contract import contract_of, likely_for, written_for
from edge_opt.flows.prepare import asking, classes_of, frontend_of, read_data
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.results import preview
from edge_opt.stages import contract as contracts
from edge_opt.store import Run
from edge_opt.types import ArrayPreprocessing, Contract, Finding, Model, Preprocessing, Step, TensorSpec, Watch

_TRIED = 300


@dataclass(frozen=True, kw_only=True)
class Initialized:
    """The contract, the file that holds it, and the picture of ten samples as the model will see them.

    Without Pillow, samples that are no pictures are not drawn.
    """

    contract: Contract
    path: Path
    preview: Path | None
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

    Without a model or without labels it is an assumption, which a finding says: the pictures' own size, and pixels
    divided by 255; arrays as they are. ``run`` holds what only the work needs.
    """
    datasets.find(data_path)
    model = _described(model_path, run, executor, allow_code, watch) if model_path else None
    data = read_data(data_path, watch, model.inputs[0] if model else None)
    samples = data.validation or data.test or data.train
    assert samples is not None
    written = written_for(data)
    if model is None:
        contract, found = (written, ()) if written else _assumed(data, samples)
    else:
        contract, found = _supported(data, samples, model, run, executor, allow_code, watch)
    path = preprocess.contract_path(data_path) if written else preprocess.write(contract, data_path)
    watch(Step(stage="draw", what=f"ten {data.noun}s", done=0, total=1))
    seen = () if isinstance(contract, Preprocessing) else (_statistics(samples),)
    drawn = _drawn(contract, samples, data, path.with_suffix(".png"))
    return Initialized(contract=contract, path=path, preview=drawn, findings=(*data.findings, *found, *seen))


def _described(model_path: Path, run: Run, executor: registry.Executor, allow_code: bool, watch: Watch) -> Model:
    watch(Step(stage="load", what=str(model_path), done=0, total=1))
    model: Model
    frontend = frontend_of(model_path)
    model, _ = executor.submit(frontend.prepare, model_path, run.scratch("source"), allow_code).result()
    return model


def _supported(
    data: datasets.Dataset,
    samples: datasets.Samples,
    model: Model,
    run: Run,
    executor: registry.Executor,
    allow_code: bool,
    watch: Watch,
) -> tuple[Contract, tuple[Finding, ...]]:
    fits = datasets.check_outputs(data, classes_of(model.outputs[0]))
    if not data.labelled and not written_for(data):
        contract, assumed = _assumed(data, samples, model.inputs[0])
        return contract, (*fits, *assumed)
    predict = asking(model.path, executor, allow_code)
    contract, found = contract_of(data, model.inputs[0], samples, predict, run, watch)
    if not found and data.labelled:  # it lay beside the data already, and is tried on what this model answers
        few = samples.take(np.random.default_rng(0).permutation(len(samples))[:_TRIED])
        (answers,) = predict([preprocess.prepare(contract, few, run.scratch("kept.npy"))])
        right = answers.argmax(axis=1) == few.labels
        found = (contracts.doubt(right, few.labels) or _kept(right),)
    return contract, (*fits, *found)


def _drawn(contract: Contract, samples: datasets.Samples, data: datasets.Dataset, out: Path) -> Path | None:
    try:
        return preview.sheet(contract, samples, data.classes if data.labelled else (), out)
    except MissingPackage:
        if isinstance(contract, ArrayPreprocessing):  # who has no pictures need not have Pillow
            return None
        raise


def _statistics(samples: datasets.Samples) -> Finding:
    seen = preprocess.statistics(samples)
    low, high, mean, deviation = map(units.format_number, (seen.low, seen.high, seen.mean, seen.deviation))
    return Finding(
        code="EO124",
        level="info",
        message=f"the values lie between {low} and {high}, with a mean of {mean} and a deviation of {deviation}, "
        f"in {len(samples)} samples of {' x '.join(map(str, samples.image(0).shape))}",
        hint="compare that with what the model was trained on",
    )


def _kept(correct: NDArray[np.bool_]) -> Finding:
    return Finding(
        code="EO121",
        level="info",
        message=f"the contract beside the data is kept; with it the model is right on "
        f"{units.format_percent(float(correct.mean()))} of {len(correct)} samples",
        hint="to have it found anew, move the file away and run this again",
    )


def _assumed(
    data: datasets.Dataset, samples: datasets.Samples, spec: TensorSpec | None = None
) -> tuple[Contract, tuple[Finding, ...]]:
    """The commonest contract, for the input ``spec`` where it is known, and that nobody has tried it."""
    also = ""
    if spec is not None:
        contract, *others = likely_for(data, spec, samples.take(range(min(_TRIED, len(samples)))))
        also = f"; also likely: '{preprocess.describe(others[0])}'" if others else ""
        why, hint = "without labels", "edit the file to what the training did"
    else:
        contract = _unseen(data, samples)
        why = "without a model"
        hint = "give the model too ('edge-opt init DATA MODEL'), or edit the file to what the training did"
    return contract, (
        Finding(
            code="EO120",
            level="warning",
            message=f"{why} the contract is assumed: {preprocess.describe(contract)}{also}",
            hint=hint,
        ),
    )


def _unseen(data: datasets.Dataset, samples: datasets.Samples) -> Contract:
    if data.kind == "array":
        return ArrayPreprocessing(shape=samples.image(0).shape)
    height, width, channels = samples.image(0).shape
    return Preprocessing(
        color="gray" if channels == 1 else "rgb", height=height, width=width, scale=(1 / 255,), offset=(0.0,)
    )
