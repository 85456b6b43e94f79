"""Artifacts and data → their accuracy, or without labels their agreement, paired with the first one's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_opt import registry, stats
from edge_opt.errors import StepFailed
from edge_opt.flows.contract import contract_of
from edge_opt.flows.given import CHECK
from edge_opt.flows.prepare import classes_of, counting, names_of, read_data
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.nets.artifact_files import size_of
from edge_opt.stages import contract as contracts
from edge_opt.stages import guard
from edge_opt.stages.evaluate import Tally, evaluate
from edge_opt.store import Run, parse
from edge_opt.types import Accuracy, Entry, Finding, Interval, Metric, TensorSpec, Verdict, Watch


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """The accuracy of one artifact by one runtime, its 95 % interval, and the paired drop against the first one."""

    artifact: Path
    size_bytes: int
    runtime: str
    accuracy: Accuracy
    interval: Interval
    verdict: Verdict


def score_artifacts(
    entries: Sequence[Entry],
    data_path: Path,
    *,
    max_drop: float,
    run: Run,
    device: registry.Device,
    watch: Watch,
) -> tuple[tuple[Evaluated, ...], tuple[Finding, ...]]:
    """Each one's top-1 on the test split (all samples where there is none), paired with the first one's.

    Without labels it is the agreement with the first one. ``run`` holds what only the work needs: a part of the
    inputs at a time, which every artifact answers before the next part is made.
    """
    datasets.find(data_path)
    taken, answered = _described(entries[0], device)
    data = read_data(data_path, watch, taken)
    samples = data.test or data.validation or data.train
    assert samples is not None
    fits = datasets.check_outputs(data, classes_of(answered))
    outputs = run.scratch("outputs.npy")

    def predict(inputs: Sequence[Path]) -> list[registry.Array]:
        return [evaluate(entries[0], _as_taken(path, taken, run), outputs, device) for path in inputs]

    contract, found = contract_of(data, taken, samples, predict, run, watch, entries[0].path)
    specs = [taken, *(_described(entry, device)[0] for entry in entries[1:])]
    tallies = [Tally() for _ in entries]
    late: list[Finding] = []
    told = counting(watch, "evaluate", f"{len(samples)} {data.noun}s")
    for places, inputs in preprocess.parts(contract, samples, run.scratch("inputs"), warn=late.append):
        for entry, spec, tally in zip(entries, specs, tallies, strict=True):
            tally.add(evaluate(entry, _as_taken(inputs, spec, run), outputs, device))
        told(places.stop, len(samples))
    classes = names_of(data, classes_of(answered))
    reference = np.concatenate(tallies[0].predictions)
    labels = samples.labels if data.labelled else reference
    metric: Metric = "top1" if data.labelled else "agreement"
    unchecked = () if data.labelled else contracts.unlabelled(reference, classes, f"'{entries[0].path}'")
    accuracies = [tally.accuracy(labels, classes, "certification", metric) for tally in tallies]
    rows = tuple(
        Evaluated(
            artifact=entry.path,
            size_bytes=size_of(entry.path),
            runtime=entry.runtime,
            accuracy=accuracy,
            interval=stats.wilson_interval(sum(accuracy.scores), len(accuracy.scores)),
            verdict=guard.judge(accuracies[0], accuracy, max_drop),
        )
        for entry, accuracy in zip(entries, accuracies, strict=True)
    )
    return rows, (*data.findings, *fits, *found, *late, *unchecked)


def _described(entry: Entry, device: registry.Device) -> tuple[TensorSpec, TensorSpec]:
    """What the artifact takes, and what it answers."""
    try:
        answer = device.run({"protocol": 1, "mode": "describe", "artifacts": [entry.job()], "threads": 1})
    except StepFailed as error:
        raise StepFailed(f"'{entry.path}' cannot be evaluated: {error.message}", error.hint or CHECK) from error
    taken, answered = (parse(tuple[TensorSpec, ...], answer[name])[0] for name in ("inputs", "outputs_spec"))
    return taken, answered


def _as_taken(inputs: Path, spec: TensorSpec, run: Run) -> Path:
    """``inputs`` as the artifact takes them: whole pixels where it has no scale to quantize floats by, else as is."""
    if spec.scale is not None or not np.issubdtype(np.dtype(spec.dtype), np.integer):
        return inputs
    path = run.scratch("whole.npy")
    np.save(path, np.load(inputs, mmap_mode="r").astype(spec.dtype))
    return path
