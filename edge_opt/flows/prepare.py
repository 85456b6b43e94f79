"""A model file and a data set → everything the recipes start from: described, split, and preprocessed once."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.errors import ModelError
from edge_opt.flows.contract import Predict, contract_of
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.stages import contract as contracts
from edge_opt.stages.evaluate import score
from edge_opt.store import Run
from edge_opt.types import (
    ArrayPreprocessing,
    Contract,
    DataSummary,
    Finding,
    Metric,
    Model,
    Original,
    Source,
    Split,
    Step,
    TensorSpec,
    Watch,
)

_TIMING_SAMPLES = 16
_READABLE = "a .keras, .h5, .onnx or .tflite file, or a SavedModel folder"
_LATE = "findings on the certification samples"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What every candidate of a run shares; the ``.npy`` files hold ``(n, …)`` float32 as the model sees it."""

    model: Model
    source: Source
    contract: Contract
    data: datasets.Dataset
    splits: datasets.Splits
    summary: DataSummary
    calibration: Path
    selection: Path
    timing: Path  # a few of the selection
    reference: NDArray[np.float32]  # the framework's own outputs on the selection
    ask: Predict  # … and on anything else
    original: Original
    early: tuple[Finding, ...]

    def findings(self, run: Run) -> tuple[Finding, ...]:
        """What is to be said about model and data, as far as they have been looked at."""
        return (*self.early, *run.known(_LATE, tuple[Finding, ...], ()))

    @property
    def metric(self) -> Metric:
        """What is counted: right answers, or without labels those of the framework."""
        return self.original.accuracy.metric

    def inputs(self, split: Split, run: Run) -> Iterator[tuple[slice, Path]]:
        """The inputs of a split, some at a time; those of the certification are made when they are asked for."""
        if split == "selection":
            yield slice(0, len(self.splits.selection)), self.selection
            return
        late: list[Finding] = []
        stem = run.scratch("certification")
        yield from preprocess.parts(self.contract, self.splits.certification, stem, warn=late.append)
        run.once(_LATE, tuple[Finding, ...], lambda: tuple(late))  # a resumed run may have no need to look again

    def labels(self, split: Split, run: Run) -> NDArray[np.int64]:
        """What every sample of a split should be answered with: its label or, without labels, the framework's answer.

        The framework is asked about the certification split when that is needed for the first time.
        """
        samples = self.splits.selection if split == "selection" else self.splits.certification
        if self.summary.labelled:
            return samples.labels
        if split == "selection":
            return np.asarray(self.reference.argmax(axis=1), np.int64)
        key = "answers of the framework on certification"
        return np.asarray(run.once(key, tuple[int, ...], lambda: self._answers(split, run)), np.int64)

    def _answers(self, split: Split, run: Run) -> tuple[int, ...]:
        found: list[int] = []
        for _, path in self.inputs(split, run):
            (answers,) = self.ask([path])
            found += answers.argmax(axis=1).tolist()
        return tuple(found)


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
    """The model described and as a float source, the data split, and what the framework answers on the selection."""
    datasets.find(data_path)
    watch(Step(stage="load", what=str(model_path), done=0, total=1))
    frontend = frontend_of(model_path)
    model: Model
    source: Source
    model, source = executor.submit(frontend.prepare, model_path, run.scratch("source"), allow_code).result()
    data = read_data(data_path, watch, model.inputs[0])
    fits = datasets.check_outputs(data, classes_of(model.outputs[0]))
    splits = datasets.split(data, seed)
    predict = asking(model_path, executor, allow_code)
    contract, found = contract_of(data, model.inputs[0], splits.selection, predict, run, watch, model_path)
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
    summary = _summary(data_path, data, splits, classes_of(model.outputs[0]))
    labels = splits.selection.labels if data.labelled else reference.argmax(axis=1)
    metric: Metric = "top1" if data.labelled else "agreement"
    original = Original(accuracy=score(reference, labels, summary.classes, "selection", metric=metric))
    doubts = _doubts(original, labels, summary, model)
    for one in doubts:
        watch(one)  # at once: what follows takes minutes, and may be for nothing
    return Prepared(
        model=model,
        source=source,
        contract=contract,
        data=data,
        splits=splits,
        summary=summary,
        calibration=inputs["calibration"],
        selection=inputs["selection"],
        timing=timing,
        reference=reference,
        ask=predict,
        original=original,
        early=(*data.findings, *splits.findings, *fits, *found, *late, *doubts),
    )


def _doubts(original: Original, labels: NDArray[np.int64], summary: DataSummary, model: Model) -> tuple[Finding, ...]:
    """Whether the model, as it was given, is worth what follows; without labels, that nobody can tell."""
    if not summary.labelled:
        return contracts.unlabelled(labels, summary.classes, f"the float model ({model.framework})")
    doubt = contracts.doubt(np.asarray(original.accuracy.scores), labels)
    return (doubt,) if doubt else ()


def _summary(path: Path, data: datasets.Dataset, splits: datasets.Splits, outputs: int) -> DataSummary:
    return DataSummary(
        path=str(path),
        classes=names_of(data, outputs),
        calibration=len(splits.calibration),
        selection=len(splits.selection),
        certification=len(splits.certification),
        sha256=data.sha256,
        labelled=data.labelled,
    )


def names_of(data: datasets.Dataset, outputs: int) -> tuple[str, ...]:
    """The classes; outputs that the data do not name, as those of data without labels, by their numbers."""
    return (*data.classes, *(str(number) for number in range(len(data.classes), outputs)))


def read_data(path: Path, watch: Watch, spec: TensorSpec | None = None) -> datasets.Dataset:
    """The data set at ``path``, for a model with the input ``spec``; ``watch`` is told how many files were looked at.

    Whether arrays are pictures, the contract beside them says; where there is none, the model's input does.
    """
    watch(Step(stage="read", what=str(path), done=0, total=1))
    written = preprocess.read(path)
    kind: Literal["picture", "array"] = "array" if isinstance(written, ArrayPreprocessing) else "picture"
    progress = counting(watch, "read", "pictures")
    return datasets.read(path, progress, spec.shape[1:] if spec else None, kind if written else None)


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
    return [frontend.predict(model, np.load(path, mmap_mode="r").view(_Passing), allow_code) for path in inputs]


class _Passing(np.memmap[Any, Any]):
    """An array in a file whose samples are copied when they are asked for, and then let go.

    What is mapped counts as memory of the process until it is given back.
    """

    def __getitem__(self, key: Any) -> Any:
        found = np.array(super().__getitem__(key))
        if hasattr(mmap, "MADV_DONTNEED"):
            self._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]
        return found
