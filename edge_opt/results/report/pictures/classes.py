"""The accuracy of each class before and after, those that changed most first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.pictures.canvas import AFTER, BEFORE, SOFT, Sketch, grid, sheet
from edge_opt.types import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 20
Row = tuple[str, float, float]


def sketches(report: Report, pen: Pen) -> Iterator[Sketch]:
    """The classes, where something was changed."""
    before, after = report.certificate.baseline.per_class, report.certificate.accuracy.per_class
    rows = [(name, before[name], after[name]) for name in before if name in after]
    if report.best == report.baseline or not rows:
        return
    rows.sort(key=lambda row: (-abs(row[2] - row[1]), row[0]))
    shown = sorted(rows[:_MOST], key=lambda row: row[2] - row[1])
    name, was, now = rows[0]
    yield Sketch(
        name="classes",
        alt=pen.text(
            "classes_alt",
            count=len(rows),
            name=name,
            before=was,
            after=now,
            better=sum(1 for row in rows if row[2] > row[1]),
            worse=sum(1 for row in rows if row[2] < row[1]),
        ),
        caption=pen.text("classes_drawn"),
        draw=lambda: sheet(6.4, 1.2 + 0.28 * len(shown), lambda figure: _draw(figure, shown, pen)),
    )


def _draw(figure: Figure, rows: Sequence[Row], pen: Pen) -> None:
    axes = figure.subplots()
    places = range(len(rows))
    axes.hlines(places, [100 * row[1] for row in rows], [100 * row[2] for row in rows], color=SOFT, linewidth=1.2)
    for index, colour, form, key in ((1, BEFORE, "o", "before"), (2, AFTER, "^", "after")):
        axes.plot([100 * row[index] for row in rows], places, form, color=colour, markersize=6.5, label=pen.text(key))
    axes.set_yticks(places, [f"{name}  {pen.signed(now - was)}" for name, was, now in rows])
    axes.invert_yaxis()
    axes.margins(y=0.6 / max(len(rows), 1))
    axes.xaxis.set_major_formatter(lambda value, _: pen.how(value, "number"))
    axes.set_xlabel(pen.text("accuracy_axis"))
    grid(axes, "x")
    figure.legend(loc="outside lower center", ncols=2)
