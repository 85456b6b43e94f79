"""The picture of the front: latency against size, one mark for each trial, its verdict in form and colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from edge_opt.results.report import tables
from edge_opt.results.report.document.facts import timed as time_of
from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.pictures.canvas import AFTER, BEFORE, GOOD, INK, SOFT, WARN, Sketch, grid, sheet
from edge_opt.types import Measured, Report, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

WIDE_RANGE = 3  # an axis that spans more than this factor is logarithmic
# the verdict → its form and colour, which say the same
MARKS = {"pass": ("o", BEFORE), "unclear": ("^", WARN), "fail": ("X", AFTER), "baseline": ("s", INK)}
NEAR = 12  # points: what stands further from its mark gets a line to it
# where a label may stand, in points from its mark: right, left, above, below, and further and further out
PLACES = [
    (x * far, y * far)
    for far in (8.0, 18.0, 30.0, 44.0, 60.0)
    for x, y in ((1, 0), (1, 0.8), (1, -0.8), (-1, 0), (-1, 0.8), (-1, -0.8), (0, 1.3), (0, -1.3))
]
_TOLD = 6


def sketches(report: Report, pen: Pen) -> Iterator[Sketch]:
    """The picture, where something was timed."""
    trials = [(trial, timed) for trial in tables.ordered(report) if (timed := time_of(trial))]
    if not trials:
        return
    told = [
        pen.text("front_one", name=label(trial), median=timed.median_ns, size=trial.artifact.size_bytes)
        for trial, timed in trials
        if trial.id in report.pareto
    ]
    best = next((label(trial) for trial, _ in trials if trial.id == report.best), report.best)
    listed = pen.language.listed(told, most=_TOLD, quote=False) if told else pen.text("no_look")
    yield Sketch(
        name="front",
        alt=pen.text("front_alt", count=len(trials), trials=listed, best=best),
        caption=pen.text("front_drawn", target=report.target.name, threads=pen.text("threads", count=report.threads)),
        draw=lambda: sheet(8.4, 5.6, lambda figure: _draw(figure, report, trials, pen)),
        wide=True,
    )


def label(trial: Trial) -> str:
    """What a picture calls a trial: its recipe, format, variant and options."""
    made = trial.artifact
    return " ".join(filter(None, (trial.recipe.name, made.format, made.variant, *trial.options.values())))


def _draw(figure: Figure, report: Report, trials: Sequence[tuple[Trial, Measured]], pen: Pen) -> None:
    axes = figure.subplots()
    _frame(axes, trials, pen)
    _marks(axes, report, trials, pen)
    figure.draw_without_rendering()
    _labels(axes, report, trials, pen)


def _point(trial: Trial, timed: Measured) -> tuple[float, float]:
    return timed.median_ns / 1e3, trial.artifact.size_bytes / 1024


def _frame(axes: Axes, trials: Sequence[tuple[Trial, Measured]], pen: Pen) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    points = [_point(*one) for one in trials]
    for axis, values in ((axes.xaxis, [x for x, _ in points]), (axes.yaxis, [y for _, y in points])):
        if values and max(values) > WIDE_RANGE * min(values):
            axes.set(**{f"{axis.axis_name}scale": "log"})
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(lambda value, _: pen.how(value, "count" if value >= 10 else "number"))
    axes.margins(0.16, 0.16)
    kib = pen.language.localised("1 KiB").split()[-1]
    axes.set_xlabel(pen.text("median_axis", unit="µs"))
    axes.set_ylabel(pen.text("size_axis", unit=kib))
    grid(axes)


def _marks(axes: Axes, report: Report, trials: Sequence[tuple[Trial, Measured]], pen: Pen) -> None:
    front = sorted(_point(*one) for one in trials if one[0].id in report.pareto)
    if front:
        axes.plot(*zip(*front, strict=True), color=SOFT, linewidth=1, linestyle="--", label=pen.text("front_line"))
    for verdict, (form, colour) in MARKS.items():
        points = [_point(*one) for one in trials if _verdict(report, one[0]) == verdict]
        if points:
            axes.plot(*zip(*points, strict=True), form, color=colour, markersize=7, label=pen.word(verdict))
    best = [_point(*one) for one in trials if one[0].id == report.best]
    if best:
        axes.plot(
            *best[0],
            "o",
            markersize=14,
            markerfacecolor="none",
            markeredgecolor=GOOD,
            markeredgewidth=1.8,
            label=pen.text("best_mark"),
        )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=6, frameon=False)


def _labels(axes: Axes, report: Report, trials: Sequence[tuple[Trial, Measured]], pen: Pen) -> None:
    """Names and changes of accuracy, each at the first place where it covers no mark and no other label."""
    from matplotlib.transforms import Bbox

    centres = [axes.transData.transform(_point(*one)) for one in trials]
    taken: list[Bbox] = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in centres]
    # the front first: it is what one came to see
    for trial, timed in sorted(trials, key=lambda one: one[0].id not in (*report.pareto, report.baseline)):
        text = axes.annotate(
            _name(report, trial, pen),
            _point(trial, timed),
            (0, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            fontweight="bold" if trial.id in report.pareto else "normal",
        )
        size = text.get_window_extent()
        centre = axes.transData.transform(_point(trial, timed))
        boxes = [_box(place, centre, size, axes.figure.dpi / 72) for place in PLACES]
        free = (i for i, box in enumerate(boxes) if _inside(axes, box) and not box.count_overlaps(taken))
        chosen = next(free, 0)
        x, y = PLACES[chosen]
        text.set(position=(x, y), ha=_side(x))
        taken.append(boxes[chosen])
        if max(abs(x), abs(y)) > NEAR:
            line = {"arrowstyle": "-", "color": SOFT, "linewidth": 0.6}
            axes.annotate("", _point(trial, timed), (x, y), textcoords="offset points", arrowprops=line)


def _side(x: float) -> str:
    return "left" if x > 0 else "right" if x < 0 else "center"


def _box(place: tuple[float, float], centre: Any, size: Bbox, scale: float) -> Bbox:
    """What a label of that size covers at ``place``, in pixels."""
    from matplotlib.transforms import Bbox

    left = {"left": 0.0, "right": 1.0, "center": 0.5}[_side(place[0])]
    return Bbox.from_bounds(
        centre[0] + place[0] * scale - left * size.width,
        centre[1] + place[1] * scale - size.height / 2,
        size.width,
        size.height,
    )


def _inside(axes: Axes, box: Bbox) -> bool:
    return bool(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 and axes.bbox.y0 <= box.y0 and box.y1 <= axes.bbox.y1)


def _verdict(report: Report, trial: Trial) -> str:
    return "baseline" if trial.id == report.baseline else trial.verdict.status


def _name(report: Report, trial: Trial, pen: Pen) -> str:
    """The trial, and its change of accuracy in points."""
    if trial.id == report.baseline:
        return label(trial)
    return f"{label(trial)}, {pen.signed(-trial.verdict.drop.estimate)}"
