"""The table of the decisions: a row a measure."""

from __future__ import annotations

from edge_opt import units
from edge_opt.results.gate import words
from edge_opt.results.report.tables import Column
from edge_opt.types import Gate


def columns(gate: Gate) -> tuple[Column, ...]:
    """Measure, both figures, the change with its interval, its limit, the outcome, and how it is known."""
    decisions = gate.decisions
    sure = words.confidences(decisions)
    shared = f"{units.format_confidence(*sure)} " if len(sure) == 1 else ""
    heading = f"change ({shared}interval)" if sure else "change"
    return (
        Column("measure", tuple(words.clean(one.measure) for one in decisions), right=False),
        Column("baseline", tuple(words.value(one, one.baseline) for one in decisions)),
        Column("candidate", tuple(words.value(one, one.candidate) for one in decisions)),
        Column(heading, tuple(words.change(one, confidence=len(sure) > 1) for one in decisions)),
        Column("limit", tuple(words.limit(one) for one in decisions)),
        Column("outcome", tuple(words.SAID[one.outcome] for one in decisions), right=False),
        Column("how known", tuple(words.how(one) for one in decisions), right=False),
    )
