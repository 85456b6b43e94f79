"""The appendix about the trials: the table of them all, the front, the ladder, and what did not work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_opt import stats, units
from edge_opt.results.report import ladder as climbing
from edge_opt.results.report import tables, words
from edge_opt.results.report.document import facts, problems
from edge_opt.results.report.document.blocks import (
    Block,
    Bullets,
    Code,
    Content,
    Head,
    Inlines,
    Paragraph,
    Table,
    joined,
)
from edge_opt.results.report.document.writing import EVEN, NONE, Pen
from edge_opt.types import Interval, Report, Trial

Column = tuple[Head, list[str]]


def trials(report: Report, pen: Pen) -> Iterator[Block]:
    """Every trial with all that was measured of it."""
    ordered = tables.ordered(report)
    every = _columns(report, ordered, pen)
    varying = [one for one in every if len(set(one[1])) > 1 or len(ordered) == 1]
    constant = [f"{head.text} {cells[0]}" for head, cells in every if len(set(cells)) == 1 and cells[0] != NONE]
    shown = [one for one in varying if set(one[1]) != {NONE}]
    rows = []
    for place, trial in enumerate(ordered):
        mark = f"{tables.BEST} " if trial.id == report.best else ""
        rows.append((f"{mark}{trial.recipe.name}", *(cells[place] for _, cells in shown)))
    heads = (Head(pen.text("recipe"), right=False), *(head for head, _ in shown))
    yield Table(pen.text("trials_label"), heads, tuple(rows))
    yield Paragraph(
        joined(
            pen.say("best_for", mark=Code(tables.BEST), goal=report.goal),
            _verdict_means(report, pen),
            pen.say("in_every_row", constant=", ".join(constant)) if constant and len(ordered) > 1 else (),
            _even_means(report, shown, pen),
        ),
        kind="note",
    )


def _verdict_means(report: Report, pen: Pen) -> Inlines:
    verdict = report.trials[0].verdict
    return pen.say("verdict_means", limit=verdict.limit, things=facts.of(report, verdict.samples, pen))


def _even_means(report: Report, shown: Sequence[Column], pen: Pen) -> Inlines:
    if not any(cell.startswith(EVEN) for _, cells in shown for cell in cells):
        return ()
    speed_ups = (one.speed_up for trial in report.trials if (one := facts.timed(trial)))
    few = any(one is not None and one.confidence < stats.LEAST_CONFIDENCE for one in speed_ups)
    return pen.say("few_means" if few else "even_means")


def _columns(report: Report, ordered: Sequence[Trial], pen: Pen) -> list[Column]:
    measured = [facts.timed(trial) for trial in ordered]
    unit = units.time_unit(min((one.median_ns for one in measured if one), default=1e6))
    metric = words.metric(report)

    def column(title: str, cells: list[str], right: bool = True) -> Column:
        return Head(title, right), cells

    def local(text: str) -> str:
        return pen.language.localised(text)

    formats = [" ".join((one.artifact.format, one.artifact.variant, *one.options.values())) for one in ordered]
    made = [column(pen.text("format"), [" ".join(name.split()) for name in formats], False)]
    # where every format has its one runtime, the list of versions says it already
    if len({(one.artifact.format, one.runtime) for one in ordered}) > len({one.artifact.format for one in ordered}):
        made.append(column(pen.text("runtime"), [one.runtime for one in ordered], False))
    return [
        *made,
        column(pen.text("size"), [pen.how(one.artifact.size_bytes, "bytes") for one in ordered]),
        column(pen.text("compressed"), [pen.how(one.artifact.compressed_bytes, "bytes") for one in ordered]),
        column(
            pen.text("latency", unit=unit),
            [
                local(units.format_time(one.median_ns, unit, one.half_iqr_ns)) if one else pen.text("not_timed")
                for one in measured
            ],
        ),
        column(
            pen.text("p90", unit=unit),
            [local(units.format_time(one.p90_ns, unit)) if one else NONE for one in measured],
        ),
        column(pen.text("load"), [pen.how(one.load_ns, "duration") if one else NONE for one in measured]),
        column(pen.text("memory"), [pen.how(one.memory_bytes, "bytes") if one else NONE for one in measured]),
        column(
            pen.text("score", metric=metric),
            [local(units.format_percent(one.accuracy.value, unit=False)) for one in ordered],
        ),
        column(
            pen.text("score_change", metric=metric),
            [NONE if one.id == report.baseline else change_cell(one.verdict.drop, pen) for one in ordered],
        ),
        column(pen.text("speed_up"), [_speed_up(report, one, pen) for one in ordered]),
        column(pen.text("verdict"), [verdict(report, one, pen) for one in ordered], False),
    ]


def verdict(report: Report, trial: Trial, pen: Pen) -> str:
    """What became of it, in a word."""
    return pen.word("baseline" if trial.id == report.baseline else trial.verdict.status)


def change_cell(drop: Interval, pen: Pen) -> str:
    """A change in percent points for a table: ``-0.34 ± 0.40``."""
    return pen.language.localised(tables.change(drop))


def speed_cell(speed_up: Interval, pen: Pen) -> str:
    """A speed-up for a table: ``2.80x ± 0.04``, ``0.024x ± 0.001 slower``."""
    text = tables.speed_up(speed_up)
    number, slower, _ = text.partition(" slower")
    written = _times(pen.language.localised(number), pen)
    return f"{written} {pen.text('slower_cell')}" if slower else written


def _times(ratio: str, pen: Pen) -> str:
    """The ratio with the sign of the language."""
    return ratio.replace("x", pen.text("times_sign"))


def _speed_up(report: Report, trial: Trial, pen: Pen) -> str:
    measured = facts.timed(trial)
    if measured is None:
        return NONE
    if trial.id == report.baseline:
        return _times(pen.language.localised("1.00x"), pen)
    return speed_cell(measured.speed_up, pen) if measured.speed_up else NONE


def front(report: Report, pen: Pen) -> Iterator[Block]:
    """What nothing equals or beats."""
    found = [trial for trial in tables.ordered(report) if trial.id in report.pareto]
    if not found:
        return
    yield Paragraph(pen.say("front_means"))
    heads = (
        Head(pen.text("artifact"), right=False),
        Head(pen.word("latency")),
        Head(pen.text("size")),
        Head(pen.word(words.metric(report))),
        Head(pen.text("verdict"), right=False),
    )
    rows: list[tuple[Content, ...]] = []
    for trial in found:
        measured = facts.timed(trial)
        rows.append(
            (
                (Code(trial.id),),
                pen.how(measured.median_ns, "duration") if measured else pen.text("not_timed"),
                pen.how(trial.artifact.size_bytes, "bytes"),
                pen.how(trial.accuracy.value, "percent2"),
                verdict(report, trial, pen),
            )
        )
    yield Table(pen.text("front_label"), heads, tuple(rows))


def ladder(report: Report, pen: Pen) -> Iterator[Block]:
    """What was done about a quantization that lost too much, rung by rung."""
    found = climbing.ladders(report)
    if found:
        yield Paragraph(pen.say("ladder_means"))
    for rungs in found:
        root = rungs[0].id
        heads = (
            Head(pen.text("rung"), right=False),
            Head(pen.text("score_change", metric=words.metric(report))),
            Head(pen.text("speed_up")),
            Head(pen.text("size")),
            Head(pen.text("verdict"), right=False),
        )
        rows: list[tuple[Content, ...]] = [
            (
                f"{'+ ' if place else ''}{trial.recipe.name}",
                change_cell(trial.verdict.drop, pen),
                _speed_up(report, trial, pen),
                pen.how(trial.artifact.size_bytes, "bytes"),
                verdict(report, trial, pen),
            )
            for place, trial in enumerate(rungs)
        ]
        yield Paragraph((*pen.say("ladder_of", trial=Code(root)), pen.text("colon")))
        yield Table(pen.text("ladder_of", trial=root), heads, tuple(rows))
        yield Bullets(
            tuple(
                pen.say("skipped_one", trial=Code(one.recipe.name), reason=pen.ended(pen.foreign(one.recipe.reason)))
                for one in rungs[1:]
            )
        )


def broken(report: Report, pen: Pen) -> Iterator[Block]:
    """What failed, and what could not be timed."""
    items: list[Content] = []
    for failure in report.failures:
        message = pen.ended(pen.foreign(failure.message))
        hint = pen.say("hint", hint=pen.ended(pen.foreign(failure.hint))) if failure.hint else ()
        said = pen.say("failed_at", trial=Code(failure.id), stage=failure.stage, message=message)
        items.append(joined(said, hint))
    for id, reason in words.untimed(report):
        items.append(pen.say("was_not_timed", trial=Code(id), reason=pen.ended(pen.foreign(reason))))
    if items:
        yield Bullets(tuple(items))


def skipped(report: Report, pen: Pen) -> Iterator[Block]:
    """What was not tried, and why."""
    if report.skipped:
        yield Bullets(
            tuple(
                pen.say("skipped_one", trial=Code(one.id), reason=pen.ended(pen.foreign(one.reason)))
                for one in report.skipped
            )
        )


def findings(report: Report, pen: Pen) -> Iterator[Block]:
    """Every finding of the run, the worst first."""
    found = words.findings(report)
    if found:
        yield Bullets(tuple(problems.finding(one, pen) for one in found))
