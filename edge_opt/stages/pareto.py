"""Which trials nothing beats, and in which order they deserve to be handed over.

A trial is *eligible* when it did not fail its verdict and keeps the budget. The front holds the eligible trials that no
other one equals or beats in latency, size and accuracy at once; where nothing was timed, in size and accuracy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from edge_opt import stats, units
from edge_opt.types import Budget, Finding, Interval, Measured, Trial

Goal = Literal["latency", "size", "balanced"]

LIMIT_CONFIDENCE = 0.90  # two-sided: the upper bound is a one-sided 95 % bound
LEAST_CONFIDENCE = 0.75  # of a speed-up, reached by three rounds: fewer say nothing
NO_LIMITS = Budget()


def eligible(trial: Trial, budget: Budget = NO_LIMITS) -> bool:
    """Whether ``trial`` did not fail its verdict and keeps ``budget``."""
    return trial.verdict.status != "fail" and not over_budget(trial, budget)


def over_budget(trial: Trial, budget: Budget) -> tuple[Finding, ...]:
    """What of ``budget`` the trial does not keep, or is not shown to keep; the accuracy is the verdict's affair.

    The latency limit is kept when the upper 95 % bound of the p90 over the rounds is within it.
    """
    found = []
    if isinstance(trial.measured, Measured):
        found += _over_latency(trial.measured, budget.max_latency_ns)
        memory = trial.measured.memory_bytes
        if budget.max_memory_bytes is not None and memory > budget.max_memory_bytes:
            found.append(_over_bytes("EO312", "memory", memory, budget.max_memory_bytes))
    size = trial.artifact.size_bytes
    if budget.max_size_bytes is not None and size > budget.max_size_bytes:
        found.append(_over_bytes("EO311", "size", size, budget.max_size_bytes))
    return tuple(found)


def front(trials: Sequence[Trial], budget: Budget = NO_LIMITS) -> tuple[str, ...]:
    """The ids of the eligible trials that no other eligible trial dominates, in the order of ``trials``."""
    points = {trial.id: _costs(trial) for trial in trials if eligible(trial, budget)}
    return tuple(
        trial for trial, costs in points.items() if not any(_dominates(other, costs) for other in points.values())
    )


def order(trials: Sequence[Trial], baseline_id: str, goal: Goal, budget: Budget = NO_LIMITS) -> tuple[str, ...]:
    """Ids of the eligible trials that are better than the baseline under ``goal``, best first; the baseline comes last.

    *latency*: by speed-up, those whose whole speed-up interval lies above 1. *size*: by artifact size, those smaller
    than the baseline. *balanced*: by the geometric mean of speed-up and size ratio, those where it is above 1 even at
    the lower bound of the speed-up; so twice as fast weighs as much as half the size. Where nothing is better the
    baseline stands alone: float wins where float is better. Raises KeyError where there is no such baseline.
    """
    baseline = {trial.id: trial for trial in trials}[baseline_id]
    ranked = []
    for trial in trials:
        if trial.id == baseline_id or not eligible(trial, budget):
            continue
        gain = _gain(trial, baseline, goal)
        if gain.low > 1:
            ranked.append((-gain.estimate, _costs(trial), trial.id))
    return (*(name for _, _, name in sorted(ranked)), baseline_id)


def near_ties(trials: Sequence[Trial], ordered: Sequence[str], goal: Goal) -> tuple[str, ...]:
    """The candidates of ``ordered`` whose gain under ``goal`` reaches the leader's: rounds cannot tell them apart.

    The leader itself and the baseline, which closes ``ordered``, are not among them.
    """
    by_id = {trial.id: trial for trial in trials}
    baseline = by_id[ordered[-1]]
    gains = {name: _gain(by_id[name], baseline, goal) for name in ordered[:-1]}
    if goal == "size" or len(gains) < 2:
        return ()
    leader = gains[ordered[0]]
    return tuple(name for name in ordered[1:-1] if gains[name].high >= leader.low)


def _gain(trial: Trial, baseline: Trial, goal: Goal) -> Interval:
    """How many times better than the baseline under ``goal``; 0 where it is not known."""
    smaller = baseline.artifact.size_bytes / max(trial.artifact.size_bytes, 1)
    if goal == "size":
        return Interval(low=smaller, estimate=smaller, high=smaller)
    speed_up = trial.measured.speed_up if isinstance(trial.measured, Measured) else None
    if speed_up is None or speed_up.confidence < LEAST_CONFIDENCE:
        return Interval(low=0.0, estimate=0.0, high=0.0)
    if goal == "latency":
        return speed_up
    low, estimate, high = (
        math.sqrt(max(ratio, 0.0) * smaller) for ratio in (speed_up.low, speed_up.estimate, speed_up.high)
    )
    return Interval(low=low, estimate=estimate, high=high)


def _costs(trial: Trial) -> tuple[float, int, float]:
    """Latency, size and error: of each, less is better."""
    latency = trial.measured.median_ns if isinstance(trial.measured, Measured) else math.inf
    return latency, trial.artifact.size_bytes, -trial.accuracy.value


def _dominates(one: tuple[float, int, float], other: tuple[float, int, float]) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


def _over_latency(measured: Measured, limit_ns: float | None) -> list[Finding]:
    if limit_ns is None:
        return []
    p90 = stats.median_interval(
        [stats.quantile(one.samples_ns, 0.9) for one in measured.rounds], confidence=LIMIT_CONFIDENCE
    )
    if p90.high <= limit_ns:
        return []
    limit = units.format_duration(limit_ns)
    if p90.low > limit_ns:
        return [_over("EO310", "p90 latency", units.format_duration(p90.estimate), limit)]
    seen = f"{units.format_duration(p90.estimate)}, between rounds up to {units.format_duration(p90.high)},"
    return [
        Finding(
            code="EO310",
            level="warning",
            message=f"p90 latency {seen} may be over the limit of {limit}",
            hint="measure on a quiet machine with more --rounds, or raise --max-latency",
        )
    ]


def _over_bytes(code: str, what: str, size_bytes: int, limit_bytes: int) -> Finding:
    return _over(code, what, units.format_bytes(size_bytes), units.format_bytes(limit_bytes))


def _over(code: str, what: str, value: str, limit: str) -> Finding:
    return Finding(
        code=code,
        level="error",
        message=f"{what} {value} is over the limit of {limit}",
        hint="choose a smaller recipe, or a wider limit",
    )
