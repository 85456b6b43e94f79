"""What a gate is asked, and the two that stand at it, opened: everything that a way of measuring needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import InputError
from edge_opt.flows.gate.limits import Limits
from edge_opt.flows.gate.subject import entry, subject_of
from edge_opt.flows.given import require_match
from edge_opt.store import Run
from edge_opt.types import Entry, Report, Subject, Target, Watch


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the gate is to decide, and how long it may take for each way of measuring."""

    candidate: Path
    baseline: Path
    target: Target
    limits: Limits
    data: Path | None = None
    runtime: str = ""
    threads: int = 0
    budget_s: float = 60.0
    seed: int = 0
    calibration: Path | None = None
    any_version: bool = False
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The two at the gate, and the places where they are run and where what they give is kept."""

    asked: Asked
    baseline: Subject
    candidate: Subject
    reports: tuple[Report | None, Report | None]
    device: registry.Device
    run: Run
    watch: Watch

    @property
    def entries(self) -> tuple[Entry, Entry]:
        """What a worker is told to run: baseline, candidate."""
        return entry(self.baseline), entry(self.candidate)


def bench_of(asked: Asked, run: Run, device: registry.Device, watch: Watch) -> Bench:
    """Both subjects, opened. Raises InputError where they run with different numbers of threads."""
    require_match(asked.target, device)
    found = [
        subject_of(
            path,
            asked.target,
            device,
            runtime=asked.runtime,
            threads=asked.threads,
            any_version=asked.any_version,
        )
        for path in (asked.baseline, asked.candidate)
    ]
    (baseline, before), (candidate, after) = found
    if baseline.threads != candidate.threads:
        raise InputError(
            f"'{baseline.name}' runs with {baseline.threads} threads and '{candidate.name}' with {candidate.threads}",
            "say for both with how many: --threads 1",
        )
    return Bench(
        asked=asked,
        baseline=baseline,
        candidate=candidate,
        reports=(before, after),
        device=device,
        run=run,
        watch=watch,
    )
