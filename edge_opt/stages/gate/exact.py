"""Sizes → their decisions: nothing is estimated, so that there is no cannot-tell."""

from __future__ import annotations

from edge_opt import units
from edge_opt.stages.gate import words
from edge_opt.stages.gate.sequence import outcome
from edge_opt.types import Decision, Interval

MEASURES = ("size", "compressed")


def decide(measure: str, baseline_bytes: int, candidate_bytes: int, limit: float) -> Decision:
    """The decision on a size. Raises ValueError where the baseline has none."""
    if baseline_bytes <= 0:
        raise ValueError(f"a baseline of {baseline_bytes} bytes is none")
    change = round(candidate_bytes / baseline_bytes - 1, 12)  # 1,020 is 2% more than 1,000, which floats do not know
    exactly = Interval(low=change, estimate=change, high=change, confidence=1.0)
    found = outcome(exactly, limit)
    message = ""
    if found in ("regressed", "improved"):
        before, after = _told_apart(baseline_bytes, candidate_bytes)
        grew = f"{words.NAMES[measure]} went from {before} to {after}, {words.percent(change)}"
        message = f"{grew}, more than the {words.allowed(limit)} allowed" if found == "regressed" else grew
    return Decision(
        measure=measure,
        outcome=found,
        unit="bytes",
        baseline=float(baseline_bytes),
        candidate=float(candidate_bytes),
        change=exactly,
        limit=limit,
        basis="exact",
        evidence=0,
        message=message,
    )


def _told_apart(*sizes_bytes: int) -> list[str]:
    """Both sizes as they read best, or to the byte where both would read alike."""
    shown = [units.format_bytes(one) for one in sizes_bytes]
    return shown if len(set(shown)) > 1 else [f"{units.format_count(one)} bytes" for one in sizes_bytes]
