"""The table of the trials: what stands in it, in which order, and how it is drawn.

A column that says the same in every row is no column: it goes to the header of the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_opt import stats, units
from edge_opt.results.report import words
from edge_opt.types import Interval, Measured, Report, Trial

NONE = "-"
BEST = "*"
EVEN = "≈"
EVEN_MEANS = f"{EVEN} the interval of the speed-up holds 1: neither faster nor slower has been shown"
FEW_MEANS = (
    f"{EVEN} timed in fewer than three rounds, or the interval holds 1: neither faster nor slower has been shown"
)
ASYMMETRY = 0.2  # halves of an interval that differ by more than this part of the larger are both written
VERDICTS = {"pass": "pass", "fail": "FAIL", "unclear": "unclear"}


@dataclass(frozen=True)
class Column:
    """A heading and one cell for each row; numbers stand to the right."""

    title: str
    cells: tuple[str, ...]
    right: bool = True

    @property
    def varies(self) -> bool:
        """Whether the cells tell the rows apart."""
        return len(set(self.cells)) > 1


def ordered(report: Report) -> tuple[Trial, ...]:
    """The trials as they are shown: the baseline, then the fastest first, then those without a time, smallest first."""

    def key(trial: Trial) -> tuple[int, float]:
        timed = isinstance(trial.measured, Measured)
        rank = 0 if trial.id == report.baseline else 1 if timed else 2
        return rank, trial.measured.median_ns if isinstance(trial.measured, Measured) else trial.artifact.size_bytes

    return tuple(sorted(report.trials, key=key))


def columns(report: Report, *, detailed: bool = False) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """The columns that vary, and what the others say; ``detailed`` adds what a screen has no room for."""
    trials = ordered(report)
    names = tuple(f"{BEST if trial.id == report.best else ' '} {trial.recipe.name}" for trial in trials)
    measures = [column for column in _measures(report, trials, detailed) if set(column.cells) != {NONE}]
    everything = [*_makings(trials), *measures]
    if len(trials) == 1:
        return (Column("recipe", names, right=False), *everything), ()
    constant = tuple(f"{column.title} {column.cells[0]}" for column in everything if not column.varies)
    return (Column("recipe", names, right=False), *(column for column in everything if column.varies)), constant


def _makings(trials: Sequence[Trial]) -> list[Column]:
    formats = tuple(
        " ".join((trial.artifact.format, trial.artifact.variant, *trial.options.values())).strip() for trial in trials
    )
    runtimes = tuple(trial.runtime for trial in trials)
    made = [Column("format", tuple(" ".join(name.split()) for name in formats), right=False)]
    # where every format has its one runtime, the header's list of versions says it already
    if len({(trial.artifact.format, trial.runtime) for trial in trials}) > len(
        {trial.artifact.format for trial in trials}
    ):
        made.append(Column("runtime", runtimes, right=False))
    return made


def _measures(report: Report, trials: Sequence[Trial], detailed: bool) -> list[Column]:
    timed = [trial.measured if isinstance(trial.measured, Measured) else None for trial in trials]
    unit = units.time_unit(min((one.median_ns for one in timed if one), default=1e6))
    size = [Column("size", tuple(units.format_bytes(trial.artifact.size_bytes) for trial in trials))]
    load = []
    if detailed:
        size.append(
            Column("compressed", tuple(units.format_bytes(trial.artifact.compressed_bytes) for trial in trials))
        )
        load.append(Column("load", tuple(units.format_duration(one.load_ns) if one else NONE for one in timed)))
    return [
        *size,
        Column(
            f"latency {unit}",
            tuple(units.format_time(one.median_ns, unit, one.half_iqr_ns) if one else "not timed" for one in timed),
        ),
        Column(f"p90 {unit}", tuple(units.format_time(one.p90_ns, unit) if one else NONE for one in timed)),
        *load,
        Column("memory", tuple(units.format_bytes(one.memory_bytes) if one else NONE for one in timed)),
        Column(
            f"{words.metric(report)} %",
            tuple(units.format_percent(trial.accuracy.value, unit=False) for trial in trials),
        ),
        Column(
            f"Δ {words.metric(report)} pp",
            tuple(NONE if trial.id == report.baseline else change(trial.verdict.drop) for trial in trials),
        ),
        Column("speed-up", tuple(_speed_up(report, trial, detailed) for trial in trials)),
        Column("verdict", tuple(verdict(report, trial) for trial in trials), right=False),
    ]


def verdict(report: Report, trial: Trial) -> str:
    """``baseline``, ``pass``, ``FAIL`` or ``unclear``."""
    return "baseline" if trial.id == report.baseline else VERDICTS[trial.verdict.status]


def has_even(table: Sequence[Column]) -> bool:
    """Whether a speed-up in the table bears the mark that needs an explanation."""
    return any(cell.startswith(EVEN) for column in table for cell in column.cells)


def legend(report: Report, table: Sequence[Column]) -> tuple[str, ...]:
    """What the mark of a speed-up means, where one in the table bears it."""
    if not has_even(table):
        return ()
    timed = (trial.measured for trial in report.trials if isinstance(trial.measured, Measured))
    return (even_means(one.speed_up for one in timed),)


def even_means(speed_ups: Iterable[Interval | None]) -> str:
    """What the mark says beside these speed-ups."""
    few = any(one is not None and one.confidence < stats.LEAST_CONFIDENCE for one in speed_ups)
    return FEW_MEANS if few else EVEN_MEANS


def change(drop: Interval) -> str:
    """The change of a score against the baseline, in percent points: ``-0.34 ± 0.40``, uneven ``-0.34 -0.52/+0.40``."""
    below, above = drop.high - drop.estimate, drop.estimate - drop.low
    if not _even(below, above):
        low, high = (units.format_pp(part, unit=False) for part in (below, above))
        return f"{units.format_pp(-drop.estimate, unit=False)} -{low}/+{high}"
    return units.format_pp(-drop.estimate, max(below, above), unit=False)


def speed_up(interval: Interval, *, detailed: bool = True) -> str:
    """``2.80x ± 0.04``, uneven ``1.69x 1.64…3.27``; ``≈`` before it where it may be none, ``slower`` after a loss.

    Of one round, which has no interval, ``≈ 1.26x``.
    """
    if interval.confidence <= 0:
        return f"{EVEN} {units.format_ratio(interval.estimate)}"
    below, above = interval.estimate - interval.low, interval.high - interval.estimate
    ratio = units.format_ratio(interval.estimate, max(below, above))
    if not _even(below, above):
        low, high = (units.format_ratio(bound).removesuffix("x") for bound in (interval.low, interval.high))
        ratio = f"{units.format_ratio(interval.estimate)} {low}…{high}"
    if interval.confidence < stats.LEAST_CONFIDENCE:
        return f"{EVEN} {ratio}"
    if interval.high < 1:
        return f"{ratio if detailed else units.format_ratio(interval.estimate)} slower"
    return ratio if interval.low > 1 else f"{EVEN} {ratio}"


def _speed_up(report: Report, trial: Trial, detailed: bool) -> str:
    if trial.id == report.baseline and isinstance(trial.measured, Measured):
        return units.format_ratio(1.0)
    known = trial.measured.speed_up if isinstance(trial.measured, Measured) else None
    return NONE if known is None else speed_up(known, detailed=detailed)


def _even(first: float, second: float) -> bool:
    return abs(first - second) <= ASYMMETRY * max(first, second)


def draw(table: Sequence[Column], *, rule: bool = False) -> list[str]:
    """The lines of the table, ``| … |``; with a ``rule`` below the heading it is a table of Markdown."""
    widths = [max(len(cell) for cell in (column.title, *column.cells)) for column in table]

    def line(cells: Sequence[str]) -> str:
        placed = (
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(cells, widths, table, strict=True)
        )
        return f"| {' | '.join(placed)} |"

    lines = [line([column.title for column in table])]
    if rule:
        marks = (
            "-" * (width + 1) + ":" if column.right else "-" * (width + 2)
            for width, column in zip(widths, table, strict=True)
        )
        lines.append(f"|{'|'.join(marks)}|")
    return lines + [line(cells) for cells in zip(*(column.cells for column in table), strict=True)]
