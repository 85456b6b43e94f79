"""Two trials → how many times faster one is: timed afresh, in one process or in rounds of their own."""

from __future__ import annotations

from edge_opt import stats
from edge_opt.errors import StepFailed
from edge_opt.flows.workbench import Workbench
from edge_opt.stages.benchmark import benchmark, pair
from edge_opt.types import Finding, Level, Measured, Retimed, Step, Trial


def timed_together(
    bench: Workbench, key: str, first: Trial, second: Trial, seed: int
) -> tuple[Retimed | None, tuple[Finding, ...]]:
    """How many times faster ``second`` is, in one process or, where the two cannot share one, in rounds of their own.

    None, with a finding, where both ways fail.
    """
    entries = {one.id: bench.entry(one) for one in (first, second)}
    timing, threads = bench.given.timing, bench.request.threads
    try:
        ratio, taken = pair(
            key, entries[first.id], entries[second.id], timing, bench.device, bench.run, threads=threads, seed=seed
        )
    except StepFailed as error:
        cause = error.message
    else:
        medians = [tuple(one.median_ns(which) for one in taken) for which in (0, 1)]
        return Retimed(mode="pair", speed_up=ratio, baseline_ns=medians[0], best_ns=medians[1]), ()
    measured, broken = benchmark(
        entries,
        timing,
        bench.device,
        bench.run,
        wave=key,
        threads=threads,
        seed=seed,
        protocol=bench.request.protocol,
        tell=lambda what, done, total: bench.watch(Step(stage="time again", what=what, done=done, total=total)),
    )
    if broken:
        reasons = "; ".join(f"'{name}': {why}" for name, why in broken.items())
        return None, (_alone(first, second, f"{cause}), and not in rounds of their own either ({reasons})"),)
    speed_up = measured[second.id].speed_up
    assert speed_up is not None  # the second of two is compared with the first
    medians = [_round_medians(measured[one.id]) for one in (first, second)]
    retimed = Retimed(mode="rounds", speed_up=speed_up, baseline_ns=medians[0], best_ns=medians[1])
    return retimed, (_alone(first, second, f"{cause}), but in rounds of their own", level="info"),)


def _round_medians(measured: Measured) -> tuple[float, ...]:
    return tuple(stats.median(one.samples_ns) for one in measured.rounds)


def _alone(first: Trial, second: Trial, cause: str, level: Level = "warning") -> Finding:
    return Finding(
        code="EO306",
        level=level,
        message=f"'{first.id}' and '{second.id}' could not be timed in one process ({cause}",
        hint=""
        if level == "info"
        else "the times of the first rounds stand, and what cannot be timed a second time is not handed over",
    )
