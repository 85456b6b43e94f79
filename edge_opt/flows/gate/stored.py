"""The history of an artifact on one machine: one line a measurement, and a candidate compared with those before it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edge_opt import __version__, registry, stats
from edge_opt.errors import InputError, StepFailed
from edge_opt.flows.gate.records import append, read
from edge_opt.flows.gate.subject import apart
from edge_opt.flows.given import CHECK, environment_of, temporary
from edge_opt.stages import noise
from edge_opt.stages.benchmark import Protocol, benchmark
from edge_opt.stages.gate import fingerprints, history, levels
from edge_opt.store import Run
from edge_opt.store.lines import require_appendable
from edge_opt.types import (
    Decision,
    Entry,
    Environment,
    Finding,
    Gate,
    Measured,
    Record,
    Step,
    Subject,
    Watch,
)

ROUNDS = 10
MEASURES = tuple(history.UNITS)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A new record, the machine it was taken on, and what made that measurement unsteady."""

    record: Record
    environment: Environment
    findings: tuple[Finding, ...]


def gate(
    subject: Subject,
    history_path: Path,
    limits: Mapping[str, float],
    *,
    device: registry.Device,
    watch: Watch,
    rounds: int = ROUNDS,
    seed: int = 0,
    command: str = "",
) -> Gate:
    """``subject``, measured now, against the records at ``history_path``, by the ``limits`` of some of MEASURES.

    The history is not changed. Raises RunError where it cannot be used, or holds nothing of this machine, runtime and
    settings; that is said before anything is timed.
    """
    began, started = time.monotonic(), _now()
    for measure_name in limits:
        if measure_name not in MEASURES:
            raise InputError(
                f"'{measure_name}' cannot be compared with a history", f"a record has {', '.join(MEASURES)}"
            )
    if not limits:
        raise InputError("nothing would be decided: every measure is off", "leave one on, as --latency 2%")
    levels.pelt()  # a missing package is said now
    records, findings = read(history_path)
    _same_model(subject, history_path, records)
    environment = environment_of(device)
    fingerprints.matching(records, fingerprints.fingerprint(subject, environment), environment.system)
    with temporary() as run:
        taken = measure(subject, "candidate", rounds=rounds, seed=seed, run=run, device=device, watch=watch)
    # once more: the runtime tells its version where it runs, and a governor may change
    comparable, told = fingerprints.matching(records, taken.record.fingerprint, taken.record.system)
    return Gate(
        candidate=subject,
        baseline=None,
        against=str(history_path),
        decisions=tuple(_decisions(taken.record, comparable, limits)),
        findings=(
            *findings,
            *told,
            *_leaps(subject, history_path, taken.record, comparable),
            *_rises(comparable, limits),
            *taken.findings,
        ),
        environment=taken.environment,
        versions={"edge-opt": __version__, subject.runtime: taken.record.fingerprint.runtime_version},
        command=command,
        started=started,
        seconds=time.monotonic() - began,
    )


def record(
    subject: Subject,
    history_path: Path,
    label: str,
    *,
    device: registry.Device,
    watch: Watch,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Taken:
    """``subject`` as it was measured now, under ``label``, after it was appended to the file at ``history_path``.

    The file and its folders are made where there are none. Raises RunError where it is something else than a history,
    or cannot be written; that is said before anything is timed.
    """
    if not label.strip():
        raise InputError("a record needs a label", "give --label, as --label $(git rev-parse --short HEAD)")
    require_appendable(history_path)
    records: tuple[Record, ...] = ()
    if history_path.exists() and history_path.stat().st_size:
        records, _ = read(history_path)
        _same_model(subject, history_path, records)
    with temporary() as run:
        taken = measure(subject, label, rounds=rounds, seed=seed, run=run, device=device, watch=watch)
    append(history_path, taken.record)
    return replace(taken, findings=(*_leap(subject, history_path, taken.record, records), *taken.findings))


def _leap(subject: Subject, history_path: Path, taken: Record, records: Sequence[Record]) -> tuple[Finding, ...]:
    """What is to be said where the new record hardly is of the artifact that the history followed."""
    before = [one for one in records if one.fingerprint == taken.fingerprint]
    hint = f"if it is another artifact, remove the last line of '{history_path}' and record it in a history of its own"
    return history.leap(before[-1], taken, f"'{subject.name}'", _last(before), hint) if before else ()


def _leaps(subject: Subject, history_path: Path, taken: Record, records: Sequence[Record]) -> tuple[Finding, ...]:
    """The same of a candidate that is not recorded, and of the last record, which the sizes are compared with."""
    hint = "if it is another artifact, give the history of that one"
    found = history.leap(records[-1], taken, f"'{subject.name}'", _last(records), hint)
    if len(records) == 1:
        return found
    hint = f"if '{records[-1].label}' is of another artifact, remove its line from '{history_path}'"
    one_before = f"the record '{records[-2].label}' before it"
    return (*history.leap(records[-2], records[-1], _last(records), one_before, hint), *found)


def _last(records: Sequence[Record]) -> str:
    return f"the last record '{records[-1].label}'"


def _same_model(subject: Subject, history_path: Path, records: Sequence[Record]) -> None:
    """Nothing; raises InputError where the history is of another model, as far as inputs and outputs show that."""
    if differ := apart(records[-1], subject):
        raise InputError(
            f"the history '{history_path}' and '{subject.name}' are of different models: {differ}",
            "give the history of this model, or begin another: edge-opt gate record",
        )


def measure(
    subject: Subject, label: str, *, rounds: int, seed: int, run: Run, device: registry.Device, watch: Watch
) -> Taken:
    """``subject`` in ``rounds`` processes of its own. Raises StepFailed where it cannot be run."""
    measured, broken = benchmark(
        {subject.name: Entry(path=subject.path, runtime=subject.runtime, options=subject.options)},
        None,
        device,
        run,
        wave="history",
        threads=subject.threads,
        seed=seed,
        protocol=Protocol(rounds=rounds),
        tell=lambda what, done, total: watch(Step(stage="benchmark", what=what, done=done, total=total)),
    )
    if broken:
        raise StepFailed(f"'{subject.name}' cannot be measured: {broken[subject.name]}", CHECK)
    found = measured[subject.name]
    return Taken(
        record=_record(subject, found, label),
        environment=found.environment,
        findings=noise.check_measured(measured, subject.name),
    )


def _record(subject: Subject, found: Measured, label: str) -> Record:
    return Record(
        label=label,
        taken=_now(),
        sha256=subject.sha256,
        values=subject.values,
        classes=subject.classes,
        fingerprint=fingerprints.fingerprint(subject, found.environment, found.runtime_version),
        system=found.environment.system,
        medians_ns=tuple(stats.median(one.samples_ns) for one in found.rounds),
        # of each round, as the medians are: a single slow round moves it less than one of all samples together
        p90_ns=stats.median([stats.quantile(one.samples_ns, 0.9) for one in found.rounds]),
        load_ns=found.load_ns,
        memory_bytes=found.memory_bytes,
        size_bytes=subject.size_bytes,
        compressed_bytes=subject.compressed_bytes,
    )


def _decisions(taken: Record, records: tuple[Record, ...], limits: Mapping[str, float]) -> list[Decision]:
    return [history.decide(taken, records, name, limit) for name, limit in limits.items()]


def _rises(records: tuple[Record, ...], limits: Mapping[str, float]) -> list[Finding]:
    return [finding for name, limit in limits.items() for finding in history.rises(records, name, limit)]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
