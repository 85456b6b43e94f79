"""A model and samples → its answers under every disturbance, each condition kept in the journal as it ends.

The next pictures are disturbed here while the model answers the last ones in a process of its own, and each file goes
when it was answered: what waits on the disk is bounded, whatever the number and the size of the pictures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.flows.contract import Predict
from edge_opt.flows.jobs import as_they_end
from edge_opt.inputs import corruptions, preprocess
from edge_opt.inputs.dataset import Samples
from edge_opt.inputs.dataset.splits import stratified
from edge_opt.stages.evaluate import Tally, evaluate
from edge_opt.stages.observe.robustness import of_robustness
from edge_opt.store import Run, dump
from edge_opt.types import Accuracy, Entry, Metric, Preprocessing, Robustness, Split, Step, Watch

# Of pictures that one call answers; as many are made meanwhile. A call of a framework takes seconds to start.
_CALL_BYTES = 320 * 2**20
_CONDITIONS = ("clean", *corruptions.conditions())


def robustness_of(
    name: str,
    ask: Predict,
    contract: Preprocessing,
    samples: Samples,
    labels: NDArray[np.int64],
    classes: Sequence[str],
    split: Split,
    run: Run,
    fingerprint: str,
    *,
    metric: Metric = "top1",
    seed: int = 0,
    most: int | None = None,
    watch: Watch,
) -> Robustness:
    """How the model ``name`` answers the ``samples`` under every disturbance, and undisturbed: the same for any model.

    ``labels[i]`` is what sample ``i`` should be answered with; ``ask`` answers files, as ``flows.prepare.asking`` or
    :func:`asking_artifact` give it. ``fingerprint`` says what decides its answers, as the hash of the model and its
    runtime: what the journal holds under the same one, for the same samples, is not asked again. Of more than ``most``
    samples so many are taken, every class keeping its share.
    """
    chosen = np.arange(len(samples))
    if most is not None and len(samples) > most:
        chosen = stratified(labels, most, np.random.default_rng(seed))
    some, wanted = samples.take(chosen), labels[chosen]
    pictures = _digest(contract, some, seed)
    suffix = hashlib.sha256(f"{fingerprint} {pictures} {metric} {wanted.tolist()}".encode()).hexdigest()[:16]
    subject = _Subject(ask, contract, some, run, seed, run.scratch(f"sized-{pictures}.npy"), suffix)
    keys = {condition: f"{name} on {split}, {condition} ({suffix})" for condition in _CONDITIONS}
    missing = [condition for condition in _CONDITIONS if not run.finished(keys[condition])]
    done = len(_CONDITIONS) - len(missing)

    def tell(condition: str) -> None:
        watch(Step(stage="robustness", what=f"{name}, {condition}", done=done, total=len(_CONDITIONS)))

    for index, (condition, tally) in enumerate(_answered(subject, missing, tell)):
        accuracy = tally.accuracy(wanted, classes, split, metric)
        run.append(keys[condition], replace(accuracy, condition=condition))
        done += 1
        tell(missing[min(index + 1, len(missing) - 1)])
    clean, *conditions = (run.known(keys[condition], Accuracy) for condition in _CONDITIONS)
    return of_robustness(name, clean, conditions)


def asking_artifact(entry: Entry, device: registry.Device, run: Run, jobs: int = 1) -> Predict:
    """What an artifact answers on ``device``, up to ``jobs`` files at a time."""

    def answer(inputs: Path) -> registry.Array:
        outputs = run.scratch(f"answers-{inputs.name}")
        try:
            return evaluate(entry, inputs, outputs, device)
        finally:
            outputs.unlink(missing_ok=True)

    def predict(inputs: Sequence[Path]) -> list[registry.Array]:
        found = dict(as_they_end({str(path): partial(answer, path) for path in inputs}, jobs))
        return [found[str(path)] for path in inputs]

    return predict


# ── the pictures ahead, the answers behind ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, eq=False)
class _Subject:
    """Who is asked about which samples."""

    ask: Predict
    contract: Preprocessing
    samples: Samples
    run: Run
    seed: int
    sized: Path  # the samples at the size that the model takes, which serve every model
    suffix: str  # of the files that only this model answers


@dataclass(frozen=True)
class _Piece:
    """The samples from ``start`` to below ``stop`` under one condition: a file. ``last`` is that of its condition."""

    condition: str
    start: int
    stop: int
    last: bool


def _answered(subject: _Subject, conditions: Sequence[str], tell: Callable[[str], None]) -> Iterator[tuple[str, Tally]]:
    """Each condition with the answers to all samples under it, in order."""
    if not conditions:
        return
    tell(conditions[0])
    if not subject.sized.exists():
        corruptions.sized(subject.contract, subject.samples, subject.sized)
    for piece, outputs in _asked(subject, _calls(subject, conditions)):
        if piece.start == 0:
            tally = Tally(confidences=[] if piece.condition == "clean" else None)
        tally.add(outputs)
        if piece.last:
            yield piece.condition, tally


def _calls(subject: _Subject, conditions: Sequence[str]) -> list[list[_Piece]]:
    """What is asked for together: as many files as fit, and no file that is larger."""
    count = len(subject.samples)
    each = max(1, _CALL_BYTES // (4 * int(np.prod(preprocess.shape(subject.contract)))))
    calls: list[list[_Piece]] = [[]]
    room = each
    for condition in conditions:
        for start in range(0, count, each):
            stop = min(start + each, count)
            if stop - start > room:
                calls.append([])
                room = each
            calls[-1].append(_Piece(condition, start, stop, stop == count))
            room -= stop - start
    return calls


def _asked(subject: _Subject, calls: list[list[_Piece]]) -> Iterator[tuple[_Piece, registry.Array]]:
    """Every piece with its answers; the pictures of the next call are made while the last one is answered."""
    files: dict[_Piece, Path] = {}

    def make(piece: _Piece) -> Path:
        out = subject.run.scratch(f"disturbed-{subject.suffix}-{piece.condition}-{piece.start}.npy")
        files[piece] = out
        places = slice(piece.start, piece.stop)
        return corruptions.write(subject.contract, subject.sized, piece.condition, out, subject.seed, places)

    with ThreadPoolExecutor(2) as pool:

        def begin(index: int) -> list[Future[Path]]:
            return [pool.submit(make, piece) for piece in calls[index]] if index < len(calls) else []

        ahead = begin(0)
        try:
            for index, pieces in enumerate(calls):
                paths = [future.result() for future in ahead]
                ahead = begin(index + 1)
                for piece, outputs in zip(pieces, subject.ask(paths), strict=True):
                    files.pop(piece).unlink(missing_ok=True)
                    yield piece, outputs
        finally:
            pool.shutdown(cancel_futures=True)
            for path in files.values():
                path.unlink(missing_ok=True)


def _digest(contract: Preprocessing, samples: Samples, seed: int) -> str:
    whole = hashlib.sha256(json.dumps([corruptions.VERSION, seed, dump(contract)]).encode())
    for one in samples.hashes():
        whole.update(one)
    return whole.hexdigest()[:16]
