"""What a gate decides: two artifacts, one decision for each measure, and what it knows of the machine it ran on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_opt.types.finding import Finding
from edge_opt.types.timing import Environment, Interval

GATE_SCHEMA = 1

Outcome = Literal["ok", "improved", "regressed", "unclear"]
Unit = Literal["ns", "bytes", "fraction", "instructions", "operators"]
# how a decision is known: both in one process; each in its own, by turns; by looking once; by answers to the same
# samples; under an emulator that counts; against what was stored, which is the weakest
Basis = Literal["pairs", "rounds", "exact", "samples", "counted", "stored"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What stands at the gate: an artifact, as its runtime runs it here. ``name`` is how the user called it."""

    name: str
    kind: Literal["artifact", "bundle", "run"]
    path: Path  # of the file that the runtime opens
    format: str
    runtime: str
    runtime_version: str
    options: Mapping[str, str]
    threads: int
    values: int | None  # how many numbers a sample of its first input is; None where its file leaves that open
    classes: int | None  # how many its first output tells apart; likewise
    sha256: str
    size_bytes: int
    compressed_bytes: int


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One measure, decided by the interval of ``change``: candidate over baseline less one, so 0.05 is 5 % more.

    Of accuracy, ``change`` is the drop in 0..1, as the guard has it; where a change has no size it is None.
    *regressed*: the whole interval lies beyond ``limit``; *improved*: it lies beyond as much on the better side; *ok*:
    it lies within the limit; else *unclear*.
    """

    measure: str  # "latency", "p90", "load", "memory", "size", "compressed", "accuracy", …; or a benchmark's own name
    outcome: Outcome
    unit: Unit
    baseline: float  # in that unit
    candidate: float
    change: Interval | None
    limit: float
    basis: Basis
    evidence: int  # how many processes, rounds or samples it rests on; 0 where nothing was estimated
    message: str = ""  # why, where it is not ok: a clause that can stand alone
    hint: str = ""  # what to do, or what would decide it


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Every decision about one candidate. ``baseline`` is None where it was compared with stored measurements."""

    candidate: Subject | None  # None where only the stored results of other benchmarks were compared
    baseline: Subject | None
    against: str  # what it was compared with, as the user called it
    judged: str = ""  # what was, as the user called it, where that is no artifact but the results of other benchmarks
    decisions: tuple[Decision, ...]
    findings: tuple[Finding, ...]
    environment: Environment | None
    versions: Mapping[str, str]
    command: str
    started: str  # ISO 8601, UTC
    seconds: float
    schema_version: int = GATE_SCHEMA


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What must be the same for two stored measurements to be comparable."""

    cpu: str
    machine: str
    cores: int
    governor: str
    runtime: str
    runtime_version: str
    options: Mapping[str, str]
    threads: int
    board: str = ""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One stored measurement of a history: of which artifact, when, on what, and the median of every round."""

    label: str  # as the commit it is of
    taken: str  # ISO 8601, UTC
    sha256: str
    values: int | None  # as of the subject, both: an artifact with other numbers is of another model
    classes: int | None
    fingerprint: Fingerprint
    system: str  # of the environment: a new kernel is told, not refused
    medians_ns: tuple[float, ...]
    p90_ns: float
    load_ns: float
    memory_bytes: int
    size_bytes: int
    compressed_bytes: int
    schema_version: int = GATE_SCHEMA


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What a runner can see: pairs of artifacts that are equally fast, decided as if one might not be.

    ``identical`` and ``rebuilt`` hold, run by run, the logarithms of the ratios that its processes measured: of a copy
    of the file, and of the same network written anew.
    """

    fingerprint: Fingerprint
    sha256: str  # of the artifact
    limit: float  # that the decisions were made at
    budget_s: float  # that a decision may take
    most: int  # processes that a decision can have: those that fit into the budget, by the median of what one took
    identical: tuple[tuple[float, ...], ...]
    rebuilt: tuple[tuple[float, ...], ...]
    false_alarms: int
    unclear: int
    rate: Interval  # of false alarms
    keeps: float | None  # the smallest limit at which equals are hardly ever unclear; None: not even the largest tried
    detects_80: float | None  # the smallest slow-down that is caught with that power, at ``limit``
    detects_95: float | None
    taken: str  # ISO 8601, UTC
    schema_version: int = GATE_SCHEMA
