"""The course of sustained runs: the latency of each window, and below it the clock and the temperature of the board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_opt import units
from edge_opt.results.report.pictures.canvas import AFTER, BEFORE, GOOD, INK, LINE, SOFT, WARN, Sketch, grid, sheet
from edge_opt.types import Sustained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LATENCY_IN, _BOARD_IN, _EDGE_IN = 2.1, 1.2, 0.7
_IN_MINUTES_S = 180.0
_ROOM = 0.1  # above and below, so that what hardly changes looks like it
_PER = {"ns": 1.0, "µs": 1e3, "ms": 1e6, "s": 1e9}


@dataclass(frozen=True, kw_only=True)
class Course:
    """One sustained run under its name."""

    name: str
    sustained: Sustained


def sketch(courses: Sequence[Course], limit_ns: float | None = None) -> Sketch:
    """The picture of ``courses``, one below the other, with the limit on the latency where there is one."""
    height = _EDGE_IN + sum(_LATENCY_IN + (_BOARD_IN if _told(one.sustained) else 0.0) for one in courses)
    return Sketch(
        name="sustained",
        alt=" ".join(_words(one) for one in courses),
        caption="Latency in windows of a run without a pause, and what the board was doing.",
        draw=lambda: sheet(7.2, height, lambda figure: _draw(figure, courses, limit_ns)),
    )


def _told(run: Sustained) -> bool:
    return any(window.state for window in run.windows)


def _words(course: Course) -> str:
    run = course.sustained
    first, steady = (units.format_duration(one.median_ns) for one in (run.first, run.steady))
    settled = "it has settled" if run.settled else "it has not settled"
    return f"{course.name}: {first} at first, {steady} in the steady state; {settled}."


def _draw(figure: Figure, courses: Sequence[Course], limit_ns: float | None) -> None:
    heights = [part for one in courses for part in (_LATENCY_IN, *([_BOARD_IN] if _told(one.sustained) else []))]
    axes = iter(figure.subplots(len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0])
    lasting_s = max(one.sustained.steady.end_s for one in courses)
    per, unit = (60.0, "min") if lasting_s >= _IN_MINUTES_S else (1.0, "s")
    panel = None
    for number, course in enumerate(courses):
        panel = next(axes)
        _latency(panel, course, limit_ns, per)
        panel.set_xlim(0, lasting_s / per)
        if number == 0:
            panel.legend(loc="upper left", ncols=3, fontsize=8)
        if _told(course.sustained):
            panel.tick_params(labelbottom=False)
            panel = next(axes)
            _board(panel, course.sustained, per)
            panel.set_xlim(0, lasting_s / per)
    if panel is not None:
        panel.set_xlabel(f"time in {unit}")


def _latency(axes: Axes, course: Course, limit_ns: float | None, per: float) -> None:
    run = course.sustained
    unit = units.time_unit(run.first.median_ns)
    scale = _PER[unit]
    times = [window.start_s / per for window in run.windows]
    medians = [window.median_ns / scale for window in run.windows]
    p90s = [window.p90_ns / scale for window in run.windows]
    axes.plot(times, p90s, color=AFTER, linestyle="--", linewidth=1.1, label="p90")
    axes.plot(times, medians, color=BEFORE, linewidth=1.6, label="median")
    values = [*medians, *p90s]
    if limit_ns is not None:
        values.append(limit_ns / scale)
        axes.axhline(limit_ns / scale, color=INK, linestyle=":", linewidth=1, label="limit of the p90")
    low, high = min(values), max(values)
    axes.set_ylim(  # words stand in the lower part, the legend in the upper one
        min(low * (1 - _ROOM), low - 0.2 * (high - low)), max(high * (1 + _ROOM), high + 0.25 * (high - low))
    )
    for stretch, words in ((run.first, "beginning"), (run.steady, "steady state" if run.settled else "not settled")):
        axes.axvspan(stretch.start_s / per, stretch.end_s / per, color=LINE, alpha=0.35, linewidth=0)
        axes.annotate(
            words,
            ((stretch.start_s + stretch.end_s) / 2 / per, 0.03),
            xycoords=("data", "axes fraction"),
            ha="center",
            fontsize=8,
            color=SOFT,
        )
    axes.set_title(course.name, loc="left")
    axes.set_ylabel(f"latency in {unit}")
    grid(axes)


def _board(axes: Axes, run: Sustained, per: float) -> None:
    """The clock of the fastest core to the left, the temperature to the right."""
    looks = [(window.start_s / per, window.state) for window in run.windows if window.state]
    clocks = [(time, max(state.frequencies_hz) / 1e9) for time, state in looks if state.frequencies_hz]
    degrees = [(time, state.temperature_c) for time, state in looks if state.temperature_c is not None]
    grid(axes)
    if clocks:
        axes.step(*zip(*clocks, strict=True), where="post", color=GOOD, linewidth=1.4)
        axes.set_ylim(0, 1.15 * max(clock for _, clock in clocks))
    axes.set_ylabel("clock in GHz", color=GOOD)
    if not degrees:
        return
    right = axes.twinx()
    right.plot(*zip(*degrees, strict=True), color=WARN, linestyle="-.", linewidth=1.4)
    right.set_ylabel("in °C", color=WARN)
    right.spines["right"].set_visible(True)
    low, high = min(one for _, one in degrees), max(one for _, one in degrees)
    right.set_ylim(low - 5, high + 5)
