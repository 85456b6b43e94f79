"""What a gate is asked, and the two that stand at it, opened: everything that a way of measuring needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import InputError
from edge_opt.flows.gate.limits import Limits
from edge_opt.flows.gate.subject import Given, apart, entry, given_at, opened
from edge_opt.flows.given import require_match
from edge_opt.store import Run
from edge_opt.types import Entry, Finding, Report, Subject, Target, Watch


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
    any_model: bool = False
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
    """Both subjects, opened. Raises InputError where they cannot stand at one gate."""
    require_match(asked.target, device)
    before, after = (given_at(path, asked.target, asked.runtime) for path in (asked.baseline, asked.candidate))
    threads = _threads(asked, before, after)
    baseline, candidate = (opened(one, device, threads, any_version=asked.any_version) for one in (before, after))
    if (differ := apart(baseline, candidate)) and not asked.any_model:
        raise InputError(
            f"'{baseline.name}' and '{candidate.name}' are different models: {differ}",
            "give a baseline of the same model, or allow it with --any-model",
        )
    return Bench(
        asked=asked,
        baseline=baseline,
        candidate=candidate,
        reports=(before.report, after.report),
        device=device,
        run=run,
        watch=watch,
    )


def _threads(asked: Asked, before: Given, after: Given) -> int:
    """With how many threads both are run: as asked, else as those were measured that were, else as the target says."""
    if asked.threads:
        return asked.threads
    if before.threads and after.threads and before.threads != after.threads:
        raise InputError(
            f"'{before.path}' was measured with {before.threads} threads and '{after.path}' with {after.threads}",
            "give the number of threads for both: --threads 1",
        )
    return before.threads or after.threads or asked.target.threads[0]


def alike(bench: Bench) -> tuple[Finding, ...]:
    """What is to be said of the two before anything is measured: that they are the same, or are not run alike."""
    baseline, candidate = bench.baseline, bench.candidate
    ways = [" ".join([one.runtime, *(f"{k}={v}" for k, v in one.options.items())]) for one in (baseline, candidate)]
    if ways[0] != ways[1]:
        return (
            Finding(
                code="EO906",
                level="info",
                message=f"the baseline is run by {ways[0]} and the candidate by {ways[1]}",
                hint="the runtime or its options may cause the difference, not the artifact",
            ),
        )
    if baseline.sha256 == candidate.sha256:
        return (
            Finding(
                code="EO907",
                level="warning",
                message=f"'{candidate.name}' and '{baseline.name}' are the same, byte for byte",
                hint="if something should have changed, one of the two is the wrong file",
            ),
        )
    return ()
