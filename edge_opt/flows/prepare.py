"""A model file and a data set → everything the recipes start from: described, split, and preprocessed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from edge_opt.types import DataSummary, Finding, Model, Original, Preprocessing, Source, Step, TensorSpec, Watch

# A wrong contract costs 10 to 80 points, seldom fewer: a few pictures rule most of them out, more tell the rest apart.
_FIRST_SAMPLES, _CONTRACT_SAMPLES = 150, 1000
_CONTRACT_BYTES = 2_000_000_000  # of the scratch folder, for the inputs under all contracts together
_TIMING_SAMPLES = 16
_READABLE = "a .keras, .h5, .onnx or .tflite file, or a SavedModel folder"
_LATE = "findings on the certification samples"

Predict = Callable[
    [Sequence[Path]], list[registry.Array]
]  # the answers (n, classes) to each ``.npy`` of (n, …) float32


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What every candidate of a run shares; the ``.npy`` files hold ``(n, …)`` float32 as the model sees it."""

    model: Model
    source: Source
    contract: Preprocessing
    splits: datasets.Splits
    summary: DataSummary
    calibration: Path
    selection: Path
    timing: Path  # a few of the selection
    reference: NDArray[np.float32]  # the framework's own outputs on the selection
    original: Original
    early: tuple[Finding, ...]

    def findings(self, run: Run) -> tuple[Finding, ...]:
        """What is to be said about model and data, as far as they have been looked at."""
        return (*self.early, *run.known(_LATE, tuple[Finding, ...], ()))

    def inputs(self, split: Split, run: Run) -> Path:
        """The inputs of a split; those of the certification are made when they are asked for the first time."""
        if split == "selection":
            return self.selection
        path = run.scratch("certification.npy")
        if path.exists():
            return path
        late: list[Finding] = []
        preprocess.prepare(self.contract, self.splits.certification, path, warn=late.append)
        run.once(_LATE, tuple[Finding, ...], lambda: tuple(late))  # a resumed run may have no need to look again
        return path


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
    data = read_data(data_path, watch)
    watch(Step(stage="load", what=str(model_path), done=0, total=1))
    frontend = frontend_of(model_path)
    model: Model
    source: Source
    model, source = executor.submit(frontend.prepare, model_path, run.scratch("source"), allow_code).result()
    fits = datasets.check_outputs(data, classes_of(model.outputs[0]))
    splits = datasets.split(data, seed)
    predict = asking(model_path, executor, allow_code)
    contract, found = contract_of(data_path, model.inputs[0], splits.selection, predict, run, watch)
    late: list[Finding] = []
    inputs = {
        name: preprocess.prepare(
            contract, samples, run.scratch(f"{name}.npy"), counting(watch, "preprocess", name), late.append
        )
        for name, samples in (("calibration", splits.calibration), ("selection", splits.selection))
    }
    timing = run.scratch("timing.npy")
    np.save(timing, np.load(inputs["selection"], mmap_mode="r")[:_TIMING_SAMPLES])
    watch(Step(stage="original", what="the model in its own framework", done=0, total=1))
    (reference,) = predict([inputs["selection"]])
    original = Original(accuracy=score(reference, splits.selection.labels, data.classes, "selection"))
    doubt = contracts.doubt(np.asarray(original.accuracy.scores), splits.selection.labels)
    doubts = (doubt,) if doubt else ()
    for one in doubts:
        watch(one)  # at once: what follows takes minutes, and is for nothing
    return Prepared(
        model=model,
        source=source,
        contract=contract,
        splits=splits,
        summary=_summary(data_path, data, splits),
        calibration=inputs["calibration"],
        selection=inputs["selection"],
        timing=timing,
        reference=reference,
        original=original,
        early=(*data.findings, *splits.findings, *fits, *found, *late, *doubts),
    )


def _summary(path: Path, data: datasets.Dataset, splits: datasets.Splits) -> DataSummary:
    return DataSummary(
        path=str(path),
        classes=data.classes,
        calibration=len(splits.calibration),
        selection=len(splits.selection),
        certification=len(splits.certification),
        sha256=data.sha256,
    )


def read_data(path: Path, watch: Watch) -> datasets.Dataset:
    """The data set at ``path``; ``watch`` is told how many of its files have been looked at."""
    watch(Step(stage="read", what=str(path), done=0, total=1))
    return datasets.read(path, counting(watch, "read", "pictures"))


def counting(watch: Watch, stage: str, what: str) -> preprocess.Progress:
    """A callback that turns ``(done, total)`` into a step of ``stage`` at every twentieth."""
    told = -1
    watch(Step(stage=stage, what=what, done=0, total=1))  # where lines are printed, this is the one

    def progress(done: int, total: int) -> None:
        nonlocal told
        if 20 * done // total > told:
            told = 20 * done // total
            watch(Step(stage=stage, what=what, done=done, total=total))

    return progress


def classes_of(output: TensorSpec) -> int:
    """How many classes an output ``(n, classes)`` tells apart. Raises ModelError where the model does not say."""
    classes = output.shape[-1]
    if classes is None:
        raise ModelError(f"the output '{output.name}' has no fixed number of classes", "give a classifier")
    return classes


def frontend_of(path: Path) -> registry.Frontend:
    """The frontend that takes the model at ``path``. Raises ModelError where there is no file, or none takes it."""
    if not path.exists():
        raise ModelError(f"there is no model at '{path}'", f"give the path of {_READABLE}")
    for name in registry.names("frontends"):
        frontend: registry.Frontend = registry.load("frontends", name)
        if frontend.accepts(path):
            return frontend
    raise ModelError(f"'{path}' is no model that edge-opt reads", f"give {_READABLE}")


def asking(model_path: Path, executor: registry.Executor, allow_code: bool) -> Predict:
    """What the framework itself answers; all files of one call in one process, which maps them."""
    frontend = frontend_of(model_path)

    def predict(inputs: Sequence[Path]) -> list[registry.Array]:
        found: list[registry.Array] = executor.submit(
            _predict, frontend, model_path, tuple(inputs), allow_code
        ).result()
        return found

    return predict


def _predict(
    frontend: registry.Frontend, model: Path, inputs: Sequence[Path], allow_code: bool
) -> list[registry.Array]:
    return [frontend.predict(model, np.load(path, mmap_mode="r"), allow_code) for path in inputs]


def contract_of(
    data_path: Path, spec: TensorSpec, labelled: datasets.Samples, predict: Predict, run: Run, watch: Watch
) -> tuple[Preprocessing, tuple[Finding, ...]]:
    """The contract that lies beside the data; else the likely one that the accuracy supports, with a finding.

    ``spec`` is the model's input. All likely contracts are tried on a few samples, and on more those that the few
    cannot tell apart. Raises DataError where neither can be.
    """
    written = preprocess.read(data_path)
    if written:
        preprocess.check(written, spec)
        return written, ()
    few = labelled.take(_spread(labelled.labels, _FIRST_SAMPLES))
    likely = preprocess.likely(spec, few)
    watch(Step(stage="preprocess", what=f"trying {len(likely)} likely contracts", done=0, total=len(likely)))
    late: list[Finding] = []
    few = few.take(_spread(few.labels, _affordable(likely)))
    correct = _tried(likely, few, predict, run, late)
    finalists = contracts.finalists(correct)
    more = labelled.take(_spread(labelled.labels, min(_CONTRACT_SAMPLES, _affordable(finalists))))
    if len(finalists) > 1 and len(more) > len(few):
        watch(Step(stage="preprocess", what=f"telling {len(finalists)} contracts apart", done=1, total=len(likely)))
        few, late = more, []
        correct = _tried(finalists, few, predict, run, late)
    commonest = np.bincount(few.labels).max() / len(few)
    choice = contracts.choose(correct, float(commonest), len(likely))
    return choice.contract, (*choice.findings, *late)


def _affordable(likely: Sequence[Preprocessing]) -> int:
    """How many samples may lie in the scratch folder under all those contracts at once."""
    row_bytes = 4 * int(np.prod(preprocess.shape(likely[0])))
    return max(1, _CONTRACT_BYTES // (row_bytes * len(likely)))


def _tried(
    likely: Sequence[Preprocessing], samples: datasets.Samples, predict: Predict, run: Run, late: list[Finding]
) -> Mapping[Preprocessing, NDArray[np.bool_]]:
    """Whether each sample is classified rightly under each contract."""
    files = {run.scratch(f"likely-{index}.npy"): contract for index, contract in enumerate(likely)}
    try:
        preprocess.prepare_each(files, samples, warn=late.append)
        answers = predict(tuple(files))
    finally:
        for path in files:
            path.unlink(missing_ok=True)
    return {contract: answer.argmax(axis=1) == samples.labels for contract, answer in zip(likely, answers, strict=True)}


def _spread(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most ``count`` indices, evenly over the samples in the order of their labels: every class is met."""
    by_label = np.argsort(labels, kind="stable")
    return by_label[np.unique(np.linspace(0, len(labels) - 1, min(count, len(labels))).astype(np.int64))]
