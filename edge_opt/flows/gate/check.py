"""Candidate and baseline → one decision for each measure, both run in this job."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from edge_opt import __version__, registry
from edge_opt.errors import InputError, StepFailed
from edge_opt.flows.evaluate import score_artifacts
from edge_opt.flows.gate import runner, timed
from edge_opt.flows.gate.bench import Asked, Bench, alike, bench_of
from edge_opt.flows.given import environment_of
from edge_opt.stages import guard
from edge_opt.stages.gate import accuracy, counting, exact, placement
from edge_opt.stages.profile import profile
from edge_opt.store import Run
from edge_opt.types import Decision, Finding, Gate, Report, Step, Watch

# as they are shown
ORDER = ("latency", "p90", "instructions", "load", "memory", "size", "compressed", "accuracy", "agreement", "placement")


def gate(asked: Asked, *, run: Run, device: registry.Device, watch: Watch) -> Gate:
    """Every decision on the candidate. ``run`` keeps each sample as it comes.

    Raises InputError, RunError or StepFailed where one of the two cannot be run, where they cannot be compared, and
    where this machine cannot keep a limit, as its calibration says.
    """
    began, started = time.monotonic(), datetime.now(UTC)
    _require_countable(asked)
    bench = bench_of(asked, run, device, watch)
    environment = environment_of(device)
    kept = runner.check(bench.baseline, asked.calibration, asked.limits, environment)
    scored, unscored = _accuracy(bench)
    if not (scored or asked.limits.shares or asked.limits.placement):
        raise InputError(
            "nothing would be decided: there is nothing to compare the accuracy on, and every other measure is off",
            "give data with -d DATA, or leave a measure on, as --latency 2%",
        )
    counted = _counted(bench)  # before what takes long: valgrind may be missing
    paired, apart = timed.together(bench)
    decisions = (*_sizes(bench), *paired, *timed.alone(bench, paired), *_placement(bench), *scored, *counted)
    return Gate(
        candidate=bench.candidate,
        baseline=bench.baseline,
        against=bench.baseline.name,
        decisions=tuple(sorted(decisions, key=lambda one: ORDER.index(one.measure))),
        findings=(*alike(bench), *kept, *apart, *unscored, *_disagreement(decisions)),
        environment=environment,
        versions={"edge-opt": __version__, bench.candidate.runtime: bench.candidate.runtime_version},
        command=asked.command,
        started=started.isoformat(timespec="seconds"),
        seconds=time.monotonic() - began,
    )


def _require_countable(asked: Asked) -> None:
    """Nothing; raises InputError for instructions of a processor that is not this machine's."""
    if asked.target.address and "instructions" in asked.limits.shares:
        raise InputError(
            f"the target '{asked.target.name}' is a remote device, and instructions are counted on this machine only",
            "leave --instructions out, or count them with -t host",
        )


def _sizes(bench: Bench) -> Iterator[Decision]:
    figures = {
        "size": (bench.baseline.size_bytes, bench.candidate.size_bytes),
        "compressed": (bench.baseline.compressed_bytes, bench.candidate.compressed_bytes),
    }
    for measure, limit in bench.asked.limits.of(*exact.MEASURES).items():
        yield exact.decide(measure, *figures[measure], limit)


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
            message="accuracy was not compared: no data were given, and the two are not runs on the same samples",
            hint="give labelled data with -d DATA, or say --accuracy off",
        ),
    )


def _same_samples(one: Report, other: Report) -> bool:
    """Whether both were certified on the very same samples and, where those have no labels, against the same model."""
    seen = []
    for run in (one, other):
        metric = run.certificate.accuracy.metric
        truth = run.model.sha256 if metric == "agreement" else "labels"
        seen.append((run.data.sha256, run.seed, metric, truth))
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
