"""Candidate and baseline → one decision for each measure, both run in this job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edge_opt import __version__, registry
from edge_opt.errors import InputError, StepFailed
from edge_opt.flows.evaluate import score_artifacts
from edge_opt.flows.gate import runner
from edge_opt.flows.gate.limits import Limits
from edge_opt.flows.gate.subject import entry, subject_of
from edge_opt.flows.given import require_match
from edge_opt.stages import guard
from edge_opt.stages.gate import accuracy, counting, exact, paired, placement, sequence, solo
from edge_opt.stages.profile import profile
from edge_opt.store import Run
from edge_opt.types import Basis, Decision, Entry, Finding, Gate, Report, Step, Subject, Target, Watch

# as they are shown
ORDER = ("latency", "p90", "instructions", "load", "memory", "size", "compressed", "accuracy", "agreement", "placement")


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


def gate(asked: Asked, *, run: Run, device: registry.Device, watch: Watch) -> Gate:
    """Every decision on the candidate. ``run`` keeps each sample as it comes.

    Raises InputError, RunError or StepFailed where one of the two cannot be run, where they cannot be compared, and
    where this machine cannot keep a limit, as its calibration says.
    """
    began, started = time.monotonic(), datetime.now(UTC)
    bench = _bench(asked, run, device, watch)
    environment = runner.environment_of(device)
    kept = runner.check(bench.baseline, asked.calibration, asked.limits, environment)
    scored, unscored = _accuracy(bench)
    timed, shared = _latency(bench)
    decisions = (*_sizes(bench), *timed, *_alone(bench, timed), *_placement(bench), *scored, *_counted(bench))
    return Gate(
        candidate=bench.candidate,
        baseline=bench.baseline,
        against=bench.baseline.name,
        decisions=tuple(sorted(decisions, key=lambda one: ORDER.index(one.measure))),
        findings=(*kept, *shared, *unscored, *_disagreement(decisions)),
        environment=environment,
        versions={"edge-opt": __version__, bench.candidate.runtime: bench.candidate.runtime_version},
        command=asked.command,
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - began,
    )


def _bench(asked: Asked, run: Run, device: registry.Device, watch: Watch) -> Bench:
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


def _sizes(bench: Bench) -> Iterator[Decision]:
    figures = {
        "size": (bench.baseline.size_bytes, bench.candidate.size_bytes),
        "compressed": (bench.baseline.compressed_bytes, bench.candidate.compressed_bytes),
    }
    for measure, limit in bench.asked.limits.of(*exact.MEASURES).items():
        yield exact.decide(measure, *figures[measure], limit)


def _latency(bench: Bench) -> tuple[tuple[Decision, ...], tuple[Finding, ...]]:
    """Latency and p90, both artifacts in one process; nothing where they cannot share one, and a finding why."""
    limits = bench.asked.limits.of(*paired.MEASURES)
    taken: list[paired.Alternation] = []

    def draw(index: int) -> dict[str, float]:
        taken.append(
            paired.alternate(
                *bench.entries,
                None,
                bench.device,
                bench.run,
                index=index,
                threads=bench.baseline.threads,
                seed=bench.asked.seed,
            )
        )
        return paired.log_ratios(taken[-1])

    if not limits:
        return (), ()
    try:
        logs = _until_clear(bench, draw, limits, "pairs")
    except StepFailed as error:
        if taken or bench.baseline.runtime == bench.candidate.runtime:
            raise
        return (), (_apart(bench, error),)
    sides = tuple([one.figures_ns(which) for one in taken] for which in (0, 1))
    return _decided(logs, limits, (sides[0], sides[1]), "pairs"), ()


def _alone(bench: Bench, timed: Sequence[Decision]) -> tuple[Decision, ...]:
    """Load time and memory, and the latencies that no shared process gave."""
    done = {one.measure for one in timed}
    limits = {one: limit for one, limit in bench.asked.limits.of(*solo.MEASURES).items() if one not in done}
    taken: list[tuple[solo.Alone, solo.Alone]] = []

    def draw(index: int) -> dict[str, float]:
        taken.append(
            solo.take_turns(
                *bench.entries,
                bench.device,
                bench.run,
                index=index,
                threads=bench.baseline.threads,
                seed=bench.asked.seed,
            )
        )
        return solo.log_ratios(taken[-1], tuple(limits))

    if not limits:
        return ()
    logs = _until_clear(bench, draw, limits, "rounds")
    sides = tuple([one[which].figures() for one in taken] for which in (0, 1))
    return _decided(logs, limits, (sides[0], sides[1]), "rounds")


def _until_clear(
    bench: Bench, draw: Callable[[int], dict[str, float]], limits: dict[str, float], basis: Basis
) -> dict[str, tuple[float, ...]]:
    return sequence.until_clear(
        draw,
        limits,
        budget_s=bench.asked.budget_s,
        tell=lambda index: bench.watch(
            Step(stage="measure", what=f"{', '.join(limits)} in {basis}", done=index, total=sequence.next_look(index))
        ),
    )


def _decided(
    logs: dict[str, tuple[float, ...]],
    limits: dict[str, float],
    figures: tuple[list[dict[str, float]], list[dict[str, float]]],
    basis: Basis,
) -> tuple[Decision, ...]:
    return tuple(paired.decide(measure, logs[measure], limit, figures, basis) for measure, limit in limits.items())


def _placement(bench: Bench) -> tuple[Decision, ...]:
    """What both were executed as; unclear where a runtime does not tell."""
    if not bench.asked.limits.placement:
        return ()
    bench.watch(Step(stage="inspect", what="what both are executed as", done=0, total=1))
    try:
        seen = [profile(one, None, bench.device, bench.baseline.threads) for one in bench.entries]
    except StepFailed as error:
        return (placement.untold(error.message),)
    return (placement.decide(*seen),)


def _accuracy(bench: Bench) -> tuple[tuple[Decision, ...], tuple[Finding, ...]]:
    """The paired drop: on data given now, or on the scores that two runs keep of the same samples."""
    limit = bench.asked.limits.accuracy
    if limit is None:
        return (), ()
    if bench.asked.data:
        rows, said = score_artifacts(
            bench.entries, bench.asked.data, max_drop=limit, run=bench.run, device=bench.device, watch=bench.watch
        )
        before, after = rows
        return (accuracy.decide(before.accuracy, after.accuracy, after.verdict),), said
    before_run, after_run = bench.reports
    if before_run and after_run and _same_samples(before_run, after_run):
        pair = before_run.certificate.accuracy, after_run.certificate.accuracy
        return (accuracy.decide(*pair, guard.judge(*pair, limit)),), ()
    if bench.asked.limits.accuracy_asked:
        raise InputError("there are no samples to compare the accuracy on", "give some with -d DATA")
    return (), (
        Finding(
            code="EO903",
            level="info",
            message="accuracy was not compared: no data were given, and the two are no runs on the same",
            hint="give labelled data with -d DATA, or say --accuracy off",
        ),
    )


def _same_samples(one: Report, other: Report) -> bool:
    """Whether both were certified on the very same samples."""
    seen = [(run.data.sha256, run.seed, run.certificate.accuracy.metric) for run in (one, other)]
    return seen[0] == seen[1]


def _counted(bench: Bench) -> tuple[Decision, ...]:
    """Instructions for one inference, counted under an emulator."""
    limit = bench.asked.limits.shares.get("instructions")
    if limit is None:
        return ()
    bench.watch(Step(stage="count", what="instructions of both, under callgrind", done=0, total=1))
    counted = counting.count(*bench.entries, registry.load("devices", "callgrind")())
    return (counting.decide(*counted, limit),)


def _disagreement(decisions: Sequence[Decision]) -> tuple[Finding, ...]:
    """Where the clock and the count say different things."""
    by_name = {one.measure: one for one in decisions}
    if not {"latency", "instructions"} <= set(by_name):
        return ()
    found = counting.disagreement(by_name["latency"], by_name["instructions"])
    return (found,) if found else ()


def _apart(bench: Bench, error: StepFailed) -> Finding:
    return Finding(
        code="EO902",
        level="info",
        message=f"'{bench.baseline.runtime}' and '{bench.candidate.runtime}' could not be timed in one process "
        f"({error.message}), but in rounds of their own",
        hint="that takes longer to see the same difference",
    )
