"""The ladder: what was done about a quantization that lost too much accuracy, rung by rung, and what each one gave."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt import units
from edge_opt.results.report import tables, words
from edge_opt.results.report.tables import Column
from edge_opt.types import Measured, Report, Trial


def ladders(report: Report) -> tuple[tuple[Trial, ...], ...]:
    """Each trial that others answer to, followed by its answers in the order in which they were tried."""
    found: dict[str, list[Trial]] = {}
    root: dict[str, str] = {}
    for one in report.trials:
        first = root.get(one.recipe.follows, "") or one.recipe.follows
        if first:
            root[one.id] = first
            found.setdefault(first, []).append(one)
    return tuple((words.trial(report, first), *answers) for first, answers in found.items())


def columns(report: Report, ladder: tuple[Trial, ...]) -> tuple[Column, ...]:
    """One row for what lost too much, and one for each answer to it."""
    timed = [one.measured if isinstance(one.measured, Measured) else None for one in ladder]
    return (
        Column("rung", tuple(f"{'' if one is ladder[0] else '+ '}{one.recipe.name}" for one in ladder), right=False),
        Column(f"Δ {words.metric(report)} pp", tuple(tables.change(one.verdict.drop) for one in ladder)),
        Column(
            "speed-up", tuple(tables.speed_up(one.speed_up) if one and one.speed_up else tables.NONE for one in timed)
        ),
        Column("size", tuple(units.format_bytes(one.artifact.size_bytes) for one in ladder)),
        Column("verdict", tuple(tables.verdict(report, one) for one in ladder), right=False),
    )


def text(report: Report) -> Iterator[str]:
    """The ladders for a terminal: the table of each one, and then why each rung was tried."""
    for ladder in ladders(report):
        yield f"the ladder of {ladder[0].id}:"
        yield from tables.draw(columns(report, ladder))
        yield from (f"{one.recipe.name}: {words.one_line(one.recipe.reason)}" for one in ladder[1:])
