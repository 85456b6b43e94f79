"""A model and its data, ready to be looked at → the evidence of a diagnosis, piece by piece."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry, stats
from edge_opt.errors import MissingPackage, ModelError, StepFailed
from edge_opt.flows.contract import Predict, tried_under
from edge_opt.flows.prepare import counting, frontend_of
from edge_opt.flows.workbench import installed
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.inputs.dataset import splits as splitting
from edge_opt.inputs.preprocess.writing import PART_BYTES
from edge_opt.stages.observe import structure as observing_structure
from edge_opt.stages.observe.answers import Answers
from edge_opt.store import Run, dump, room
from edge_opt.types import (
    Activity,
    Contract,
    ContractTried,
    Finding,
    Model,
    Split,
    Step,
    Structure,
    Watch,
)

MOST_ANSWERS = 10_000  # of the training and the validation split: more would not move what is read from them
_ACTIVITY_SAMPLES = 500
# Where there is no test split, an accuracy on what the model learned from must not pass for one on a test.
_SPLITS: Mapping[str, Split] = {"train": "training", "validation": "selection", "test": "certification"}
_HERE = "the diagnosis goes on without it"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is diagnosed: the model and how to ask it, the data with their contract, and where work is kept.

    ``parts`` are the samples that the model is asked about, by the name of their split; the last one judges it.
    """

    model: Model
    data: datasets.Dataset
    parts: Mapping[str, datasets.Samples]
    contract: Contract
    classes: tuple[str, ...]
    ask: Predict  # the model itself, in its own framework
    run: Run
    executor: registry.Executor
    watch: Watch
    seed: int = 0
    allow_code: bool = False

    @property
    def judging(self) -> datasets.Samples:
        """The samples that judge the model: the last part."""
        return list(self.parts.values())[-1]

    @property
    def judged_on(self) -> Split:
        """What these samples are to the model."""
        return _SPLITS[list(self.parts)[-1]]

    @property
    def fingerprint(self) -> str:
        """A short hash of what answers rest on: what was finished for the same is not done again."""
        sizes = [f"{name}: {len(samples)}" for name, samples in self.parts.items()]
        parts = [self.model.sha256, self.data.sha256, json.dumps(dump(self.contract)), str(self.seed), *sizes]
        parts.append(json.dumps(installed(), sort_keys=True))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def parts_of(data: datasets.Dataset, seed: int, most: int = MOST_ANSWERS) -> dict[str, datasets.Samples]:
    """The splits of the data, at most ``most`` samples of each; the last one, the test split if there is one, whole."""
    last = next(reversed(data.splits))
    return {name: samples if name == last else some(samples, most, seed) for name, samples in data.splits.items()}


def some(samples: datasets.Samples, most: int, seed: int) -> datasets.Samples:
    """At most ``most`` of the samples, every class with its share."""
    if len(samples) <= most:
        return samples
    return samples.take(splitting.stratified(samples.labels, most, np.random.default_rng(seed)))


def answers_of(subject: Subject) -> dict[str, Answers]:
    """What the model answers to each part.

    Answers are kept in the run folder under the fingerprint, so that they are asked for once; whatever fits into one
    file is asked for in one process, as a framework takes seconds to start.
    """
    missing = {name: samples for name, samples in subject.parts.items() if not _kept(subject, name)}
    small = {name: samples for name, samples in missing.items() if _bytes(subject.contract, samples) <= PART_BYTES}
    if small:
        inputs = [_prepared(subject, name, samples) for name, samples in small.items()]
        subject.watch(Step(stage="answer", what=f"the {' and '.join(small)} split", done=0, total=1))
        for name, outputs in zip(small, subject.ask(inputs), strict=True):
            _keep(subject, name, outputs)
    for name in missing.keys() - small.keys():
        _keep(subject, name, _answered_by_parts(subject, name, missing[name]))
    return {
        name: Answers(samples=samples, probabilities=stats.probabilities(np.load(_file(subject, name))))
        for name, samples in subject.parts.items()
    }


def _bytes(contract: Contract, samples: datasets.Samples) -> int:
    return 4 * len(samples) * int(np.prod(preprocess.shape(contract)))


def _prepared(subject: Subject, name: str, samples: datasets.Samples) -> Path:
    told = counting(subject.watch, "preprocess", f"{name}: {len(samples)} {subject.data.noun}s")
    path = subject.run.scratch(f"inputs-{name}.npy")
    return preprocess.prepare(subject.contract, samples, path, told, subject.watch)


def _answered_by_parts(subject: Subject, name: str, samples: datasets.Samples) -> NDArray[np.float32]:
    told = counting(subject.watch, "answer", f"{name}: {len(samples)} {subject.data.noun}s")
    rows: list[NDArray[np.float32]] = []
    stem = subject.run.scratch(f"inputs-{name}")
    for places, inputs in preprocess.parts(subject.contract, samples, stem, warn=subject.watch):
        rows += subject.ask([inputs])
        told(places.stop, len(samples))
    return np.concatenate(rows)


def _file(subject: Subject, name: str) -> Path:
    return subject.run.folder / "answers" / f"{name}-{subject.fingerprint}.npy"


def _kept(subject: Subject, name: str) -> bool:
    return subject.run.finished(f"answers on {name} of {subject.fingerprint}") and _file(subject, name).exists()


def _keep(subject: Subject, name: str, outputs: NDArray[np.float32]) -> None:
    path = _file(subject, name)
    with room(subject.run.folder):
        path.parent.mkdir(exist_ok=True)
        np.save(path, outputs)
    subject.run.append(f"answers on {name} of {subject.fingerprint}", path.name)


def contracts_tried(subject: Subject) -> tuple[ContractTried, ...]:
    """How often the model is right under its contract and under the other likely ones; nothing without labels."""
    if not subject.data.labelled:
        return ()
    samples = subject.judging
    key = f"contracts for {subject.fingerprint}"

    def work() -> tuple[ContractTried, ...]:
        subject.watch(Step(stage="contract", what="the likely contracts", done=0, total=1))
        found = tried_under(subject.contract, subject.data, subject.model.inputs[0], samples, subject.ask, subject.run)
        return tuple(
            ContractTried(
                contract=preprocess.describe(one),
                given=one == subject.contract,
                right=int(right.sum()),
                samples=len(right),
            )
            for one, right in found.items()
        )

    return subject.run.once(key, tuple[ContractTried, ...], work)


def structure_of(subject: Subject) -> tuple[Structure, tuple[Finding, ...]]:
    """The structure of the model, with what its channels do on some of the samples where its framework can be asked."""
    activity, findings = _activity(subject, subject.judging)
    return observing_structure.of_structure(subject.model, activity or (), activity is not None), findings


def _activity(subject: Subject, samples: datasets.Samples) -> tuple[tuple[Activity, ...] | None, tuple[Finding, ...]]:
    """What the channels do; None where nobody can look inside."""
    frontend: Any = frontend_of(subject.model.path)
    if not hasattr(frontend, "activity"):
        return None, ()
    key = f"activity of {subject.fingerprint}"

    def work() -> tuple[Activity, ...]:
        subject.watch(Step(stage="look inside", what=str(subject.model.path), done=0, total=1))
        count = min(_ACTIVITY_SAMPLES, len(samples))
        chosen = samples.take(np.linspace(0, len(samples) - 1, count).astype(np.int64))
        inputs = preprocess.prepare(subject.contract, chosen, subject.run.scratch("activity.npy"))
        found: tuple[Activity, ...] = subject.executor.submit(
            frontend.activity, subject.model.path, np.load(inputs), subject.allow_code
        ).result()
        return found

    try:
        return subject.run.once(key, tuple[Activity, ...], work), ()
    except (StepFailed, MissingPackage, ModelError) as error:
        return None, (left_out("what the channels of the model do", error.message, error.hint),)


def left_out(what: str, why: str, hint: str = "") -> Finding:
    """The note that a part of the diagnosis is missing, and why."""
    return Finding(code="EO131", level="warning", message=f"{what} could not be looked at: {why}", hint=hint or _HERE)


def timing_inputs(subject: Subject, samples: datasets.Samples, count: int = 16) -> Path:
    """A few inputs to time the model with."""
    return preprocess.prepare(
        subject.contract, samples.take(range(min(count, len(samples)))), subject.run.scratch("timing.npy")
    )
