"""A new record against those of other days → its decisions, by the level that the history keeps now.

The guarantee is weaker than that of running both in one job: whatever changed on the machine since the records were
taken counts as the candidate's change, and so does what differs from job to job. The interval holds the latter as far
as the history shows it, and nothing can hold the former. How often equals fail by it: docs/history.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from edge_opt import sequential, units
from edge_opt.stages.gate import exact, words
from edge_opt.stages.gate.fingerprints import counted
from edge_opt.stages.gate.levels import Level, levels, value
from edge_opt.stages.gate.sequence import outcome
from edge_opt.types import Decision, Finding, Interval, Record, Unit

UNITS: Mapping[str, Unit] = {
    "latency": "ns",
    "p90": "ns",
    "load": "ns",
    "memory": "bytes",
    "size": "bytes",
    "compressed": "bytes",
}
LEAST = 5  # records of a level that say how much the next one may differ
RECENT = 200  # older records are not looked at
# a history that goes further than that from one record to the next hardly is of one artifact
LEAPS: Mapping[str, float] = {"size": 1.5, "latency": 2.0}
_WEAKER = "one job against jobs from other days: what changed on the machine in between counts as its change"


def decide(record: Record, records: Sequence[Record], measure: str, limit: float) -> Decision:
    """The decision on one measure of ``record``, of those in UNITS, against the last level of ``records``.

    Sizes are compared with those of the last record. Raises MissingPackage where the levels cannot be looked for.
    """
    if measure in exact.MEASURES:
        return exact.decide(measure, int(value(records[-1], measure)), int(value(record, measure)), limit)
    now = value(record, measure)
    records = records[-RECENT:]
    if now <= 0 or any(value(one, measure) <= 0 for one in records):
        message = f"{words.NAMES[measure]} was not reported by every worker"
        return _undecided(now, 0.0, measure, limit, 0, message, "leave that measure out")
    level = levels(records, measure)[-1]
    before = math.exp(level.mean)
    if level.count < LEAST:
        since = records[level.start].label
        message = f"{words.NAMES[measure]} has kept its level only since '{since}': {counted(level.count, 'record')}"
        hint = f"record {counted(LEAST - level.count, 'more commit')}: from {LEAST} on, their spread is known"
        return _undecided(now, before, measure, limit, level.count, message, hint)
    change = _change(record, level, measure)
    found = outcome(change, limit)
    message, hint = _said(measure, found, change, limit, level.count)
    return Decision(
        measure=measure,
        outcome=found,
        unit=UNITS[measure],
        baseline=before,
        candidate=now,
        change=change,
        limit=limit,
        basis="stored",
        evidence=level.count,
        message=message,
        hint=hint,
    )


def rises(records: Sequence[Record], measure: str, limit: float) -> tuple[Finding, ...]:
    """The steps up by more than ``limit`` that the history still bears: regressions that slipped in."""
    records = records[-RECENT:]
    if measure in exact.MEASURES or any(value(one, measure) <= 0 for one in records):
        return ()
    found = levels(records, measure)
    # one that was taken back later is history
    kept = [
        (before, after)
        for before, after in pairwise(found)
        if min(after.mean, found[-1].mean) - before.mean > math.log1p(limit)
    ]
    return tuple(
        Finding(
            code="EO922",
            level="warning",
            message=f"{words.NAMES[measure]} rose by {words.percent(math.expm1(after.mean - before.mean))} "
            f"at '{records[after.start].label}' and has not come back: what follows is compared with the higher level",
            hint=f"look at what came in with '{records[after.start].label}', or just before it",
        )
        for before, after in kept
    )


def leap(before: Record, after: Record, told: str, other: str, hint: str) -> tuple[Finding, ...]:
    """What is to be said where ``after`` is so far from ``before`` that they may be of two artifacts.

    Both must be of one machine and runtime. ``told`` and ``other`` say what they are: ``'new.tflite'``, ``the last
    record 'a1b2c3'``.
    """
    ratios = {one: value(after, one) / value(before, one) for one in LEAPS}
    far = [one for one, ratio in ratios.items() if max(ratio, 1 / ratio) > LEAPS[one]]
    if not far:
        return ()
    times = " and ".join(f"{_times(ratios[one])} {words.NAMES[one]}" for one in far)
    return (
        Finding(
            code="EO925",
            level="warning",
            message=f"{told} has {times} of {other}: a history should hold one artifact",
            hint=hint,
        ),
    )


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio > 1 else f"{units.format_percent(ratio, digits=1)} of"


def _change(record: Record, level: Level, measure: str) -> Interval:
    """Of the record against the level, with the interval in which one more record of that level would lie.

    Records that agree by chance must not make it narrower than the rounds of this one allow.
    """
    spread = level.spread
    if measure == "latency" and len(record.medians_ns) > 1:
        rounds = np.log(record.medians_ns)
        spread = max(spread, math.sqrt(math.pi / 2 / len(rounds)) * float(rounds.std(ddof=1)))
    t = sequential.student_quantile((1 + sequential.CONFIDENCE) / 2, level.count - 1)
    half = t * spread * math.sqrt(1 + 1 / level.count)
    difference = math.log(value(record, measure)) - level.mean
    low, middle, high = (math.expm1(max(-20.0, min(20.0, difference + by))) for by in (-half, 0.0, half))
    return Interval(low=low, estimate=middle, high=high, confidence=sequential.CONFIDENCE)


def _said(measure: str, found: str, change: Interval, limit: float, count: int) -> tuple[str, str]:
    """The message and the hint: the weaker guarantee is said with every decision."""
    seen = f"{words.percent(change.estimate)} ({words.between(change)}) against {count} records"
    name, bound = words.NAMES[measure], words.allowed(limit)
    if found == "ok":
        return _WEAKER, ""
    if found == "regressed":
        hint = "record the last good commit again: if that is just as slow, the machine has changed"
        return f"{name} changed by {seen}, more than the {bound} allowed; {_WEAKER}", hint
    if found == "improved":
        return f"{name} changed by {seen}; {_WEAKER}", ""
    hint = f"this history can see changes beyond about {words.allowed(round(_reach(change), 3))}: raise the limit"
    return f"{name} changed by {seen}, which may be within {bound} or not; {_WEAKER}", (
        f"{hint}, or compare both in one job with --baseline"
    )


def _reach(change: Interval) -> float:
    return math.sqrt((1 + change.high) / (1 + change.low)) - 1


def _undecided(
    now: float, before: float, measure: str, limit: float, evidence: int, message: str, hint: str
) -> Decision:
    return Decision(
        measure=measure,
        outcome="unclear",
        unit=UNITS[measure],
        baseline=before,
        candidate=now,
        change=None,
        limit=limit,
        basis="stored",
        evidence=evidence,
        message=message,
        hint=hint,
    )
