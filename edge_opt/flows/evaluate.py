"""Artifact files and labelled data → their accuracy, paired with the first one's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_opt import registry, stats
from edge_opt.flows.given import entry_of, size_of
from edge_opt.flows.prepare import classes_of, contract_of, counting, read_data
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.stages import guard
from edge_opt.stages.evaluate import evaluate, score
from edge_opt.store import Run, parse
from edge_opt.types import Accuracy, Entry, Finding, Interval, Step, Target, TensorSpec, Verdict, Watch


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """One artifact's accuracy, its 95 % interval, and the paired drop against the first one given."""

    artifact: Path
    size_bytes: int
    runtime: str
    accuracy: Accuracy
    interval: Interval
    verdict: Verdict


def score_artifacts(
    paths: Sequence[Path],
    data_path: Path,
    target: Target,
    *,
    runtime: str,
    max_drop: float,
    run: Run,
    device: registry.Device,
    watch: Watch,
) -> tuple[tuple[Evaluated, ...], tuple[Finding, ...]]:
    """Each artifact's top-1 on the test split (all samples where there is none), paired with the first one's.

    ``run`` holds what only the work needs.
    """
    entries = [entry_of(path, target, runtime) for path in paths]
    data = read_data(data_path, watch)
    samples = data.test or data.validation or data.train
    assert samples is not None
    taken, answered = _described(entries[0], device)
    fits = datasets.check_outputs(data, classes_of(answered))
    outputs = run.scratch("outputs.npy")

    def predict(inputs: Sequence[Path]) -> list[registry.Array]:
        return [evaluate(entries[0], _as_taken(path, taken, run), outputs, device) for path in inputs]

    contract, found = contract_of(data_path, taken, samples, predict, run, watch)
    late: list[Finding] = []
    progress = counting(watch, "preprocess", "pictures")
    inputs = preprocess.prepare(contract, samples, run.scratch("inputs.npy"), progress, late.append)
    rows: list[Evaluated] = []
    for done, (path, entry) in enumerate(zip(paths, entries, strict=True)):
        watch(Step(stage="evaluate", what=str(path), done=done, total=len(paths)))
        spec, _ = _described(entry, device) if done else (taken, answered)
        answers = evaluate(entry, _as_taken(inputs, spec, run), outputs, device)
        accuracy = score(answers, samples.labels, data.classes, "certification")
        rows.append(
            Evaluated(
                artifact=path,
                size_bytes=size_of(path),
                runtime=entry.runtime,
                accuracy=accuracy,
                interval=stats.wilson_interval(sum(accuracy.scores), len(accuracy.scores)),
                verdict=guard.judge(rows[0].accuracy if rows else accuracy, accuracy, max_drop),
            )
        )
    return tuple(rows), (*data.findings, *fits, *found, *late)


def _described(entry: Entry, device: registry.Device) -> tuple[TensorSpec, TensorSpec]:
    """What the artifact takes, and what it answers."""
    answer = device.run({"protocol": 1, "mode": "describe", "artifacts": [entry.job()], "threads": 1})
    taken, answered = (parse(tuple[TensorSpec, ...], answer[name])[0] for name in ("inputs", "outputs_spec"))
    return taken, answered


def _as_taken(inputs: Path, spec: TensorSpec, run: Run) -> Path:
    """``inputs`` as the artifact takes them: whole pixels where it has no scale to quantize floats by, else as is."""
    if spec.scale is not None or not np.issubdtype(np.dtype(spec.dtype), np.integer):
        return inputs
    path = run.scratch("whole.npy")
    np.save(path, np.load(inputs, mmap_mode="r").astype(spec.dtype))
    return path
