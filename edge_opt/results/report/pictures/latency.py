"""The latency distributions of all trials, from their raw samples: medians, middle halves, and nine tenths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_opt import units
from edge_opt.results.report import tables
from edge_opt.results.report.document.facts import timed
from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.pictures.canvas import AFTER, BEFORE, SOFT, Sketch, grid, sheet
from edge_opt.results.report.pictures.front import label
from edge_opt.types import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FRACTIONS = (0.05, 0.25, 0.5, 0.75, 0.95)
_TOLD = 8
_WIDE_RANGE = 3  # an axis that spans more than this factor is logarithmic
Row = tuple[str, str, list[float]]  # the label, its role, and the quantiles in nanoseconds


def sketches(report: Report, pen: Pen) -> Iterator[Sketch]:
    """The distributions, where something was timed."""
    rows: list[Row] = []
    for trial in tables.ordered(report):
        if measured := timed(trial):
            samples = [sample for turn in measured.rounds for sample in turn.samples_ns]
            role = "best" if trial.id == report.best else "baseline" if trial.id == report.baseline else ""
            rows.append((label(trial), role, np.quantile(samples, _FRACTIONS).tolist()))
    if not rows:
        return
    told = [pen.text("latency_one", name=name, median=quantiles[2]) for name, _, quantiles in rows]
    yield Sketch(
        name="latency",
        alt=pen.text("latency_alt", trials=pen.language.listed(told, most=_TOLD, quote=False)),
        caption=pen.text("latency_drawn"),
        draw=lambda: sheet(7.0, 0.9 + 0.27 * len(rows), lambda figure: _draw(figure, rows, pen)),
    )


def _draw(figure: Figure, rows: Sequence[Row], pen: Pen) -> None:
    axes = figure.subplots()
    unit = units.time_unit(min(quantiles[2] for _, _, quantiles in rows))
    per = {"ns": 1.0, "µs": 1e3, "ms": 1e6, "s": 1e9}[unit]
    for place, (_, role, quantiles) in enumerate(rows):
        low, first, median, third, high = (value / per for value in quantiles)
        colour = {"best": AFTER, "baseline": BEFORE}.get(role, SOFT)
        axes.hlines(place, low, high, color=colour, linewidth=1.2)
        axes.hlines(place, first, third, color=colour, linewidth=5)
        form = {"best": "^", "baseline": "s"}.get(role, "o")
        axes.plot(median, place, form, color=colour, markersize=7)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    for tick, (_, role, _) in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight("bold" if role == "best" else "normal")
    axes.invert_yaxis()
    axes.margins(y=0.6 / len(rows))
    values = [value for _, _, quantiles in rows for value in quantiles]
    if max(values) > _WIDE_RANGE * min(values):
        from matplotlib.ticker import LogLocator, NullFormatter

        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(lambda value, _: pen.how(value, "count" if value >= 10 else "number"))
    axes.set_xlabel(pen.text("latency_axis", unit=unit))
    grid(axes, "x")
