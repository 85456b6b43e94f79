"""The picture of the front: latency against size, one mark for each trial, its verdict in form and colour."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edge_opt import units
from edge_opt.errors import MissingPackage
from edge_opt.results.report import tables, words
from edge_opt.types import Measured, Report, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

WIDE_RANGE = 3  # an axis that spans more than this factor is logarithmic
# of the colours that Okabe and Ito chose for the colour-blind; the form says the same again
MARKS = {
    "pass": ("o", "#0072b2"),
    "unclear": ("^", "#e69f00"),
    "FAIL": ("X", "#d55e00"),
    "baseline": ("s", "#000000"),
}
NEAR = 12  # points: what stands further from its mark gets a line to it
# where a label may stand, in points from its mark: right, left, above, below, and further and further out
PLACES = [
    (x * far, y * far)
    for far in (8.0, 18.0, 30.0, 44.0, 60.0)
    for x, y in ((1, 0), (1, 0.8), (1, -0.8), (-1, 0), (-1, 0.8), (-1, -0.8), (0, 1.3), (0, -1.3))
]


def svg(report: Report) -> str:
    """The picture as SVG: the same text for the same report. Raises MissingPackage without matplotlib."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackage.of("matplotlib", "report", "the picture of the front") from error
    # glyphs as paths and a fixed salt: nothing depends on the fonts, the clock or the process
    with matplotlib.rc_context(
        {"svg.hashsalt": "edge-opt", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 9}
    ):
        figure = Figure(figsize=(9, 6.5), layout="constrained")
        axes = figure.subplots()
        trials = [(trial, trial.measured) for trial in tables.ordered(report) if isinstance(trial.measured, Measured)]
        _frame(axes, report, trials)
        _marks(axes, report, trials)
        figure.draw_without_rendering()
        _labels(axes, report, trials)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _point(trial: Trial, timed: Measured) -> tuple[float, float]:
    return timed.median_ns / 1e3, trial.artifact.size_bytes / 1024


def _frame(axes: Axes, report: Report, trials: Sequence[tuple[Trial, Measured]]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    points = [_point(*one) for one in trials]
    for axis, values in ((axes.xaxis, [x for x, _ in points]), (axes.yaxis, [y for _, y in points])):
        if values and max(values) > WIDE_RANGE * min(values):
            axes.set(**{f"{axis.axis_name}scale": "log"})
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(
            lambda value, _: units.format_count(value) if value >= 10 else units.format_number(value)
        )
    axes.margins(0.16, 0.16)
    axes.set_xlabel("latency, median, µs")
    axes.set_ylabel("size, KiB")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(f"{report.model.path.name} on {report.target.name}, {words.threads(report)}, measured", loc="left")


def _marks(axes: Axes, report: Report, trials: Sequence[tuple[Trial, Measured]]) -> None:
    front = sorted(_point(*one) for one in trials if one[0].id in report.pareto)
    if front:
        axes.plot(*zip(*front, strict=True), color="#0072b2", linewidth=1, alpha=0.5, label="front")
    for verdict, (form, colour) in MARKS.items():
        points = [_point(*one) for one in trials if tables.verdict(report, one[0]) == verdict]
        if points:
            axes.plot(*zip(*points, strict=True), form, color=colour, markersize=7, label=verdict)
    best = [_point(*one) for one in trials if one[0].id == report.best]
    if best:
        axes.plot(
            *best[0],
            "o",
            markersize=14,
            markerfacecolor="none",
            markeredgecolor="#009e73",
            markeredgewidth=1.8,
            label="best",
        )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=6, frameon=False)


def _labels(axes: Axes, report: Report, trials: Sequence[tuple[Trial, Measured]]) -> None:
    """Names and changes of accuracy, each at the first place where it covers no mark and no other label."""
    from matplotlib.transforms import Bbox

    centres = [axes.transData.transform(_point(*one)) for one in trials]
    taken: list[Bbox] = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in centres]
    # the front first: it is what one came to see
    for trial, timed in sorted(trials, key=lambda one: one[0].id not in (*report.pareto, report.baseline)):
        label = axes.annotate(
            _name(report, trial),
            _point(trial, timed),
            (0, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            fontweight="bold" if trial.id in report.pareto else "normal",
        )
        size = label.get_window_extent()
        centre = axes.transData.transform(_point(trial, timed))
        boxes = [_box(place, centre, size, axes.figure.dpi / 72) for place in PLACES]
        free = (i for i, box in enumerate(boxes) if _inside(axes, box) and not box.count_overlaps(taken))
        chosen = next(free, 0)
        x, y = PLACES[chosen]
        label.set(position=(x, y), ha=_side(x))
        taken.append(boxes[chosen])
        if max(abs(x), abs(y)) > NEAR:
            line = {"arrowstyle": "-", "color": "#999999", "linewidth": 0.6}
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


def _name(report: Report, trial: Trial) -> str:
    name = " ".join(
        filter(None, (trial.recipe.name, trial.artifact.format, trial.artifact.variant, *trial.options.values()))
    )
    return name if trial.id == report.baseline else f"{name}, {tables.change(trial.verdict.drop).split(' ', 1)[0]} pp"
