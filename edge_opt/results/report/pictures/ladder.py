"""The ladders: what each rung won back of the accuracy, and what it cost in speed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edge_opt.results.report.document.facts import timed
from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.ladder import ladders
from edge_opt.results.report.pictures.canvas import AFTER, BEFORE, GOOD, INK, Sketch, grid, sheet
from edge_opt.types import Report, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMS = {"pass": ("o", GOOD), "unclear": ("^", BEFORE), "fail": ("X", AFTER)}


def sketches(report: Report, pen: Pen) -> Iterator[Sketch]:
    """A picture for each ladder that was climbed."""
    for place, rungs in enumerate(ladders(report), 1):
        told = []
        for one in rungs:
            measured = timed(one)
            facts = {"name": one.recipe.name, "change": pen.signed(-one.verdict.drop.estimate)}
            if measured and measured.speed_up:
                speed = pen.how(measured.speed_up.estimate, "ratio")
                told.append(pen.text("ladder_one", **facts, speed=speed))
            else:
                told.append(pen.text("ladder_untimed", **facts))
        yield Sketch(
            name="ladder" if place == 1 else f"ladder-{place}",
            alt=pen.text("ladder_alt", rungs=pen.language.listed(told, most=len(told), quote=False)),
            caption=pen.text("ladder_drawn", trial=rungs[0].id),
            draw=lambda rungs=rungs: sheet(  # type: ignore[misc]
                7.4, 1.2 + 0.32 * len(rungs), lambda figure: _draw(figure, rungs, pen)
            ),
        )


def _draw(figure: Figure, rungs: Sequence[Trial], pen: Pen) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    for place, one in enumerate(rungs):
        form, colour = _FORMS[one.verdict.status]
        drop = one.verdict.drop
        _bar(left, place, (-100 * drop.high, -100 * drop.estimate, -100 * drop.low), form, colour)
        measured = timed(one)
        if measured and (speed := measured.speed_up):
            _bar(right, place, (speed.low, speed.estimate, speed.high), form, colour)
    left.axvline(-100 * rungs[0].verdict.limit, color=INK, linewidth=1, linestyle=":")
    left.annotate(
        pen.text("limit_line"),
        (-100 * rungs[0].verdict.limit, 1.01),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="bottom",
        fontsize=8,
    )
    right.axvline(1, color=INK, linewidth=1, linestyle=":")
    left.set_yticks(range(len(rungs)), [one.recipe.name for one in rungs])
    left.invert_yaxis()
    left.set_xlabel(pen.text("change_axis"))
    right.set_xlabel(pen.text("speed_axis"))
    for axes in (left, right):
        axes.margins(0.08, 0.6 / len(rungs))
        axes.xaxis.set_major_formatter(lambda value, _: pen.how(value, "number"))
        grid(axes, "x")


def _bar(axes: Axes, place: int, bounds: tuple[float, float, float], form: str, colour: str) -> None:
    low, estimate, high = bounds
    axes.hlines(place, low, high, color=colour, linewidth=2)
    axes.plot(estimate, place, form, color=colour, markersize=7)
