"""A model file and a data set → everything the recipes start from: described, split, and preprocessed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.errors import ModelError
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.stages import contract as contracts
from edge_opt.stages.evaluate import Split, score
from edge_opt.store import Run
from edge_opt.types import DataSummary, Finding, Model, Original, Preprocessing, Step, TensorSpec, Watch

# Enough labelled pictures to tell contracts apart: a wrong one costs 10 to 80 points, seldom fewer.
_CONTRACT_SAMPLES = 1000
_TIMING_SAMPLES = 16


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What every candidate of a run shares; the ``.npy`` files hold ``(n, …)`` float32 as the model sees it."""

    model: Model
    saved_model: Path
    contract: Preprocessing
    splits: datasets.Splits
    summary: DataSummary
    calibration: Path
    selection: Path
    timing: Path  # a few of the selection
    reference: NDArray[np.float32]  # the framework's own outputs on the selection
    original: Original
    findings: tuple[Finding, ...]

    def inputs(self, split: Split, run: Run) -> Path:
        """The inputs of a split; those of the certification are made when they are asked for the first time."""
        if split == "selection":
            return self.selection
        path = run.scratch("certification.npy")
        return path if path.exists() else preprocess.prepare(self.contract, self.splits.certification, path)


def prepare(
    model_path: Path,
    data_path: Path,
    run: Run,
    executor: registry.Executor,
    *,
    seed: int,
    allow_code: bool,
    watch: Watch,
) -> Prepared:
    """The model described and as a SavedModel, the data split, and what the framework answers on the selection."""
    watch(Step(stage="prepare", what="reading the data", done=0, total=4))
    data = datasets.read(data_path)
    watch(Step(stage="prepare", what="loading the model", done=1, total=4))
    frontend = frontend_of(model_path)
    saved_model = run.scratch("saved_model")
    model: Model = executor.submit(frontend.prepare, model_path, saved_model, allow_code).result()
    fits = datasets.check_outputs(data, classes_of(model.outputs[0]))
    splits = datasets.split(data, seed)
    watch(Step(stage="prepare", what="checking the preprocessing", done=2, total=4))

    def predict(inputs: registry.Array) -> registry.Array:
        outputs: registry.Array = executor.submit(frontend.predict, model_path, inputs, allow_code).result()
        return outputs

    contract, found = contract_of(data_path, model.inputs[0], splits.selection, predict)
    late: list[Finding] = []
    calibration = preprocess.prepare(contract, splits.calibration, run.scratch("calibration.npy"), warn=late.append)
    selection = preprocess.prepare(contract, splits.selection, run.scratch("selection.npy"), warn=late.append)
    timing = run.scratch("timing.npy")
    np.save(timing, np.load(selection, mmap_mode="r")[:_TIMING_SAMPLES])
    watch(Step(stage="prepare", what="running the original", done=3, total=4))
    reference = executor.submit(_predict, frontend, model_path, selection, allow_code).result()
    watch(Step(stage="prepare", what="ready", done=4, total=4))
    return Prepared(
        model=model,
        saved_model=saved_model,
        contract=contract,
        splits=splits,
        summary=DataSummary(
            path=str(data_path),
            classes=data.classes,
            calibration=len(splits.calibration),
            selection=len(splits.selection),
            certification=len(splits.certification),
            sha256=data.sha256,
        ),
        calibration=calibration,
        selection=selection,
        timing=timing,
        reference=reference,
        original=Original(accuracy=score(reference, splits.selection.labels, data.classes, "selection")),
        findings=(*data.findings, *splits.findings, *fits, *found, *late),
    )


def classes_of(output: TensorSpec) -> int:
    """How many classes an output ``(n, classes)`` tells apart. Raises ModelError where the model does not say."""
    classes = output.shape[-1]
    if classes is None:
        raise ModelError(f"the output '{output.name}' has no fixed number of classes", "give a classifier")
    return classes


def frontend_of(path: Path) -> registry.Frontend:
    """The frontend that takes the model at ``path``. Raises ModelError where there is no file, or none takes it."""
    if not path.exists():
        raise ModelError(
            f"there is no model at '{path}'", "give the path of a .keras or .h5 file, or of a SavedModel folder"
        )
    for name in registry.names("frontends"):
        frontend: registry.Frontend = registry.load("frontends", name)
        if frontend.accepts(path):
            return frontend
    raise ModelError(f"'{path}' is no model that edge-opt reads", "give a .keras or .h5 file, or a SavedModel folder")


def contract_of(
    data_path: Path,
    spec: TensorSpec,
    labelled: datasets.Samples,
    predict: Callable[[registry.Array], registry.Array],
) -> tuple[Preprocessing, tuple[Finding, ...]]:
    """The contract that lies beside the data; else the likely one that the accuracy supports, with a finding.

    ``spec`` is the model's input; ``predict`` answers ``(n, classes)``. Raises DataError where neither can be.
    """
    written = preprocess.read(data_path)
    if written:
        preprocess.check(written, spec)
        return written, ()
    few = labelled.take(_spread(labelled.labels, _CONTRACT_SAMPLES))
    likely = preprocess.likely(spec, few)
    inputs = np.concatenate(
        [np.stack([preprocess.apply(one, few.image(i)) for i in range(len(few))]) for one in likely]
    )
    answers = predict(inputs.astype(np.float32)).argmax(axis=1).reshape(len(likely), len(few))
    commonest = np.bincount(few.labels).max() / len(few)
    choice = contracts.choose(dict(zip(likely, answers == few.labels, strict=True)), float(commonest))
    return choice.contract, choice.findings


def _spread(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most ``count`` indices, evenly over the samples in the order of their labels: every class is met."""
    by_label = np.argsort(labels, kind="stable")
    return by_label[np.unique(np.linspace(0, len(labels) - 1, min(count, len(labels))).astype(np.int64))]


def _predict(frontend: registry.Frontend, model: Path, inputs: Path, allow_code: bool) -> NDArray[np.float32]:
    return frontend.predict(model, np.load(inputs, mmap_mode="r"), allow_code)
