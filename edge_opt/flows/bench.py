"""Artifact files → their latency and memory, in interleaved rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import EdgeOptError, MissingPackage, StepFailed
from edge_opt.flows.given import CHECK, entries_of, finish, require_match, require_times
from edge_opt.nets.artifact_files import size_of
from edge_opt.stages import board_state, noise
from edge_opt.stages.benchmark import Protocol, benchmark
from edge_opt.store import Run
from edge_opt.types import Entry, Finding, Measured, Step, Target, Watch


@dataclass(frozen=True, kw_only=True)
class Benched:
    """One artifact as it was measured; its speed-up refers to the first one that could be measured."""

    artifact: Path
    size_bytes: int
    measured: Measured


@dataclass(frozen=True, kw_only=True)
class Unmeasured:
    """One artifact that could not be measured, by which runtime, why, and what to do."""

    artifact: Path
    runtime: str
    message: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Benchmarks:
    """What could be measured, what could not, and what is to be said about the machine."""

    rows: tuple[Benched, ...]
    failures: tuple[Unmeasured, ...]
    findings: tuple[Finding, ...]


def time_artifacts(
    paths: Sequence[Path],
    target: Target,
    *,
    threads: int,
    runtimes: Sequence[str],
    protocol: Protocol,
    seed: int,
    run: Run,
    device: registry.Device,
    watch: Watch,
) -> Benchmarks:
    """Each artifact's latency and memory, in interleaved rounds; speed-ups refer to the first one that works.

    With ``runtimes``, each artifact is measured by every one of them that loads its format. Each one is loaded before
    any is measured. ``run`` keeps the raw samples. Raises StepFailed where none can be loaded, InputError where this
    machine cannot stand for the target.
    """
    require_times(target, device)
    require_match(target, device)
    entries = {_name(one, runtimes): one for path in paths for one in entries_of(path, target, runtimes)}
    broken: dict[str, EdgeOptError] = {}
    for done, (name, entry) in enumerate(entries.items()):
        watch(Step(stage="load", what=name, done=done, total=len(entries)))
        try:
            device.run({"protocol": 1, "mode": "describe", "artifacts": [entry.job()], "threads": threads})
        except (StepFailed, MissingPackage) as error:
            broken[name] = error
    working: dict[str, Entry] = {name: entry for name, entry in entries.items() if name not in broken}
    if not working:
        first, why = next(iter(broken.items()))
        raise StepFailed(f"'{first}' cannot be measured: {why.message}", why.hint or CHECK) from why
    measured, stopped = benchmark(
        working,
        None,
        device,
        run,
        wave=0,
        threads=threads,
        seed=seed,
        protocol=protocol,
        tell=lambda what, done, total: watch(Step(stage="benchmark", what=what, done=done, total=total)),
    )
    finish(run, broken.values())
    reasons = {name: (error.message, error.hint or CHECK) for name, error in broken.items()}
    reasons |= {name: (reason, CHECK) for name, reason in stopped.items()}
    return Benchmarks(
        rows=tuple(
            Benched(artifact=entries[name].path, size_bytes=size_of(entries[name].path), measured=one)
            for name, one in measured.items()
        ),
        failures=tuple(_unmeasured(one, *reasons[name]) for name, one in entries.items() if name in reasons),
        findings=(
            *noise.check_measured(measured, next(iter(working))),
            *board_state.check_measured(measured),
        ),
    )


def _unmeasured(entry: Entry, message: str, hint: str) -> Unmeasured:
    return Unmeasured(artifact=entry.path, runtime=entry.runtime, message=message, hint=hint)


def _name(entry: Entry, runtimes: Sequence[str]) -> str:
    """The words for an entry: its path, and its runtime where several were asked for."""
    return f"{entry.path} by {entry.runtime}" if len(runtimes) > 1 else str(entry.path)
