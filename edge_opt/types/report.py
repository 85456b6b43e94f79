"""What comes out: trials, the certificate, and the report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edge_opt.types.accuracy import Accuracy, Parity, Status, Verdict
from edge_opt.types.diagnosis import Behaviour, Diagnosis
from edge_opt.types.finding import Finding
from edge_opt.types.model import Contract, Model
from edge_opt.types.net import Net
from edge_opt.types.quality import Quality
from edge_opt.types.recipe import Artifact, Recipe, Target
from edge_opt.types.timing import Interval, Measured, NotTimed, OperatorProfile

SCHEMA_VERSION = 1

Effort = Literal["quick", "standard", "thorough"]
Goal = Literal["latency", "size", "balanced"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A candidate that was made, run and judged."""

    id: str
    recipe: Recipe
    runtime: str
    options: Mapping[str, str]
    artifact: Artifact
    measured: Measured | NotTimed
    accuracy: Accuracy
    verdict: Verdict
    parity: Parity | None = None  # of a device that is not this machine


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A candidate that broke: at which stage, why, and what to do. The others went on."""

    id: str
    recipe: str
    stage: Literal["slimming", "export", "check", "load", "evaluate", "benchmark", "rank"]
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A candidate that was not tried, and why: it cannot be the answer, or there was no time for it."""

    id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Access:
    """One look at the certification split: what answered it, and how a trial that was judged came out.

    A look for the diagnosis decides nothing, so that it has no status.
    """

    trial: str  # its id, or "original"
    status: Status | None
    purpose: Literal["certificate", "diagnosis"] = "certificate"


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The verdict on the certification split, and the ledger of everything that was ever judged there.

    ``trial`` is the one that is handed over. Where no other passed it is the baseline, which passes against itself; the
    ledger then says what became of the others.
    """

    status: Status
    trial: str
    verdict: Verdict
    baseline: Accuracy
    accuracy: Accuracy
    ledger: tuple[Access, ...]


@dataclass(frozen=True, kw_only=True)
class Retimed:
    """The winner against the baseline, timed again and afresh; ``mode`` says whether both shared one process."""

    mode: Literal["pair", "rounds"]
    speed_up: Interval
    baseline_ns: tuple[float, ...]  # the median of every process
    best_ns: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Original:
    """The user's model before anything was done to it, run by its own framework."""

    accuracy: Accuracy


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """What the numbers rest on: where the samples came from, how many each split holds, and the hash of them all."""

    path: str
    classes: tuple[str, ...]
    calibration: int
    selection: int
    certification: int
    sha256: str
    labelled: bool = True


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that one run found on one target at one number of threads; ids point into ``trials``."""

    model: Model
    original: Original
    data: DataSummary
    preprocessing: Contract
    target: Target
    threads: int
    goal: Goal
    seed: int
    baseline: str
    trials: tuple[Trial, ...]
    failures: tuple[Failure, ...]
    pareto: tuple[str, ...]
    best: str
    certificate: Certificate
    retimed: Retimed | None
    findings: tuple[Finding, ...]
    versions: Mapping[str, str]
    command: str
    started: str  # ISO 8601, UTC
    seconds: float
    effort: Effort = "standard"
    skipped: tuple[Skipped, ...] = ()
    nets: tuple[Net, ...] = ()  # what the passes of the recipes made of the model
    profile: OperatorProfile | None = None  # of the best
    diagnosis: Diagnosis | None = None  # of the original, before anything was done to it
    after: Behaviour | None = None  # the best one, looked at as the diagnosis looked at the original
    quality: Quality | None = None  # what the best one traded away besides accuracy; None where it is the baseline
    schema_version: int = SCHEMA_VERSION
