"""Which trials nothing beats, and in which order they deserve to be handed over.

A trial is *eligible* when it did not fail its verdict and does not break the budget. The front holds the eligible
trials that no other one equals or beats in latency, size and accuracy at once; untimed, in size and accuracy.
A limit comes before the goal: what is shown to keep the budget stands before what may keep it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from edge_opt import stats, units
from edge_opt.types import Budget, Finding, Goal, Interval, Measured, NotTimed, Trial

LIMIT_CONFIDENCE = 0.90  # two-sided: the upper bound is a one-sided 95 % bound
NO_LIMITS = Budget()
_KEPT, _UNTOLD, _BROKEN = 0, 1, 2  # what became of a budget, the best first


def eligible(trial: Trial, budget: Budget = NO_LIMITS) -> bool:
    """Whether ``trial`` did not fail its verdict and does not certainly break ``budget``."""
    return trial.verdict.status != "fail" and _standing(trial, budget) < _BROKEN


def over_budget(trial: Trial, budget: Budget) -> tuple[Finding, ...]:
    """What of ``budget`` the trial breaks (errors), and what it is not shown to keep (warnings).

    The latency limit is kept when the upper 95 % bound of the p90 over the rounds is within it. Nobody can tell of a
    trial that was not timed, or whose rounds are too few for such a bound. The accuracy is the verdict's affair.
    """
    found = [*_over_latency(trial.measured, budget.max_latency_ns)]
    if budget.max_memory_bytes is not None:
        if isinstance(trial.measured, NotTimed):
            found.append(_unknown("EO312", "memory", units.format_bytes(budget.max_memory_bytes)))
        elif trial.measured.memory_bytes > budget.max_memory_bytes:
            found.append(_over_bytes("EO312", "memory", trial.measured.memory_bytes, budget.max_memory_bytes))
    size = trial.artifact.size_bytes
    if budget.max_size_bytes is not None and size > budget.max_size_bytes:
        found.append(_over_bytes("EO311", "size", size, budget.max_size_bytes))
    return tuple(found)


def front(trials: Sequence[Trial], budget: Budget = NO_LIMITS) -> tuple[str, ...]:
    """The ids of the eligible trials that no other eligible trial dominates, in the order of ``trials``."""
    points = {trial.id: _costs(trial, budget) for trial in trials if eligible(trial, budget)}
    return tuple(
        trial for trial, costs in points.items() if not any(_dominates(other, costs) for other in points.values())
    )


def order(trials: Sequence[Trial], baseline_id: str, goal: Goal, budget: Budget = NO_LIMITS) -> tuple[str, ...]:
    """Ids of the eligible trials that are better than the baseline under ``goal``, best first; the baseline comes last.

    *latency*: by speed-up, those whose whole speed-up interval lies above 1. *size*: by artifact size, those smaller
    than the baseline. *balanced*: by the geometric mean of speed-up and size ratio, those where it is above 1 even at
    the lower bound of the speed-up; so twice as fast weighs as much as half the size. Where nothing is better the
    baseline stands alone: float wins where float is better. What keeps a ``budget`` that the baseline does not keep is
    better in any case, and what keeps less of it than the baseline never. Raises KeyError where there is no such
    baseline.
    """
    baseline = {trial.id: trial for trial in trials}[baseline_id]
    bar = _standing(baseline, budget)
    ranked = []
    for trial in trials:
        if trial.id == baseline_id or not eligible(trial, budget):
            continue
        gain, standing = _gain(trial, baseline, goal), _standing(trial, budget)
        if standing < bar or (standing == bar and gain.low > 1):
            ranked.append((standing, -gain.estimate, _costs(trial, budget), trial.id))
    return (*(name for *_, name in sorted(ranked)), baseline_id)


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
    if speed_up is None or speed_up.confidence < stats.LEAST_CONFIDENCE:
        return Interval(low=0.0, estimate=0.0, high=0.0)
    if goal == "latency":
        return speed_up
    low, estimate, high = (
        math.sqrt(max(ratio, 0.0) * smaller) for ratio in (speed_up.low, speed_up.estimate, speed_up.high)
    )
    return Interval(low=low, estimate=estimate, high=high)


def _standing(trial: Trial, budget: Budget) -> int:
    return max((_BROKEN if one.level == "error" else _UNTOLD for one in over_budget(trial, budget)), default=_KEPT)


_Costs = tuple[int, float, int, float]


def _costs(trial: Trial, budget: Budget) -> _Costs:
    """What became of the budget, latency, size and error: of each, less is better."""
    latency = trial.measured.median_ns if isinstance(trial.measured, Measured) else math.inf
    return _standing(trial, budget), latency, trial.artifact.size_bytes, -trial.accuracy.value


def _dominates(one: _Costs, other: _Costs) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))


def _over_latency(measured: Measured | NotTimed, limit_ns: float | None) -> list[Finding]:
    if limit_ns is None:
        return []
    limit = units.format_duration(limit_ns)
    if isinstance(measured, NotTimed):
        return [_unknown("EO310", "p90 latency", limit)]
    p90 = stats.median_interval(
        [stats.quantile(one.samples_ns, 0.9) for one in measured.rounds], confidence=LIMIT_CONFIDENCE
    )
    if p90.confidence < LIMIT_CONFIDENCE:
        rounds = units.format_count(len(measured.rounds))
        return [
            Finding(
                code="EO310",
                level="warning",
                message=f"p90 latency {units.format_duration(p90.estimate)} comes from too few rounds ({rounds}) to be "
                f"held against the limit of {limit}",
                hint="measure with --rounds 5 or more",
            )
        ]
    if p90.high <= limit_ns:
        return []
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


def _unknown(code: str, what: str, limit: str) -> Finding:
    return Finding(
        code=code,
        level="warning",
        message=f"{what} was not measured, so nobody can tell whether it keeps the limit of {limit}",
        hint="measure on the target itself, or leave this limit out",
    )


def _over_bytes(code: str, what: str, size_bytes: int, limit_bytes: int) -> Finding:
    return _over(code, what, units.format_bytes(size_bytes), units.format_bytes(limit_bytes))


def _over(code: str, what: str, value: str, limit: str) -> Finding:
    return Finding(
        code=code,
        level="error",
        message=f"{what} {value} is over the limit of {limit}",
        hint="choose a smaller recipe, or a wider limit",
    )
