"""What a decision says where it is not simply ok: what was seen against what is allowed, and what would decide it."""

from __future__ import annotations

import math

from edge_opt import units
from edge_opt.stages.gate.sequence import MOST
from edge_opt.types import Basis, Interval, Outcome

NAMES = {
    "latency": "the median latency",
    "p90": "the 90th percentile of the latency",
    "load": "the load time",
    "memory": "the memory",
    "size": "the size",
    "compressed": "the size after gzip",
}
_EVIDENCE = {"pairs": "processes that alternated the two", "rounds": "rounds of separate processes"}


def explained(
    measure: str, outcome: Outcome, change: Interval, limit: float, evidence: int, basis: Basis
) -> tuple[str, str]:
    """The message and the hint of a decision that rests on an interval; both empty where it is ok."""
    name = NAMES.get(measure, measure)
    seen = f"{percent(change.estimate)} ({units.format_confidence(change.confidence)} interval {between(change)})"
    if outcome == "ok":
        return "", ""
    if outcome == "improved":
        return f"{name} changed by {seen}", "make this the new baseline, so that the gain is kept"
    if outcome == "regressed":
        return f"{name} changed by {seen}, more than the {allowed(limit)} allowed", ""
    rests = f"{evidence} {_EVIDENCE.get(basis, 'measurements')}"
    message = f"{name} changed by {seen}: {rests} cannot tell whether that is within {allowed(limit)}"
    return message, _deciding(measure, change, limit, evidence, basis)


def _deciding(measure: str, change: Interval, limit: float, evidence: int, basis: Basis) -> str:
    """What would settle it: more processes where a few more would do, else a quieter machine or another limit."""
    distance, half = abs(limit - change.estimate), (change.high - change.low) / 2
    needed = math.ceil(evidence * (half / distance) ** 2) if distance > 0 else MOST + 1
    if evidence < needed <= MOST:
        return f"about {needed} processes would decide: give it a longer --budget"
    if evidence < MOST and basis in _EVIDENCE:
        return f"the budget ended it after {evidence} of {MOST}: give it a longer --budget, or use a quieter machine"
    if (measure, basis) == ("latency", "pairs"):  # all that a calibration measures
        return "use a quieter machine, or a limit that this one can keep: 'edge-opt gate calibrate' finds it"
    return f"use a quieter machine, or allow more with --{measure}"


def percent(change: float) -> str:
    """A change with its sign: ``+5.31%``; one that two digits do not show is ``+under 0.01%``."""
    sign = "+" if change > 0 else "-" if change < 0 else ""
    shown = units.format_percent(abs(change))
    return f"{sign}under 0.01%" if change and shown == units.format_percent(0.0) else f"{sign}{shown}"


def between(change: Interval) -> str:
    """Both bounds: ``+4.90% … +5.82%``."""
    return f"{percent(change.low)} … {percent(change.high)}"


def allowed(limit: float) -> str:
    """A limit without needless digits: ``2%``, ``0.5%``."""
    return f"{units.format_number(100 * limit)}%"
