"""The performance compared: the table of before and after, and how its numbers were come by."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt.results.report.document import facts
from edge_opt.results.report.document.blocks import Block, Code, Content, Head, Inlines, Paragraph, Table, joined
from edge_opt.results.report.document.facts import BeforeAfter
from edge_opt.results.report.document.skeleton import skeleton
from edge_opt.results.report.document.writing import NONE, Pen
from edge_opt.types import Margin, Report, Robustness

Row = tuple[Content, ...]
_JUDGED = {"pass": "within", "fail": "beyond", "unclear": "untold"}


def comparison(report: Report, pen: Pen) -> Iterator[Block]:
    """The table, and the notes below it."""
    found = BeforeAfter(report=report)
    skeletal = skeleton(pen)
    rows = [_accuracy(found, pen), _time(found, pen), _size(found, pen), _robustness(found, pen)]
    rows += _calibration(found, pen)
    names = (skeletal.accuracy, skeletal.time, skeletal.size, skeletal.robustness, skeletal.calibration)
    yield Table(
        skeletal.performance,
        tuple(Head(title, right=False) for title in skeletal.heads),
        tuple((name, *row) for name, row in zip(names, rows, strict=False)),
    )
    yield from (Paragraph(one, kind="note") for one in _notes(found, pen))


def judged(margin: Margin, pen: Pen) -> str:
    """A loss as a change with its interval, and whether it is within its limit."""
    return pen.text(_JUDGED[margin.status], change=pen.change(margin.loss))


def _accuracy(found: BeforeAfter, pen: Pen) -> Row:
    after = found.report.certificate.accuracy.value
    change = pen.text("no_change") if found.unchanged else pen.change(found.drop)
    if not found.report.data.labelled:
        return pen.text("reference"), pen.text("agreement_cell", value=after), change
    return pen.how(found.accuracy_before.value, "percent2"), pen.how(after, "percent2"), change


def _time(found: BeforeAfter, pen: Pen) -> Row:
    if found.times_ns is None:
        return pen.text("not_timed"), pen.text("not_timed"), NONE
    before, after = (pen.how(one, "duration") for one in found.times_ns)
    if found.unchanged:
        return before, after, pen.text("no_change")
    return before, after, pen.faster(found.speed_up) if found.speed_up else NONE


def _size(found: BeforeAfter, pen: Pen) -> Row:
    before, after = (pen.how(one, "bytes") for one in found.sizes)
    return before, after, pen.text("no_change") if found.unchanged else pen.sized(*found.sizes)


def _robustness(found: BeforeAfter, pen: Pen) -> Row:
    quality, alone = found.report.quality, robustness_alone(found.report)
    if quality:
        before, after = (pen.how(one.value, "percent2") for one in (quality.before, quality.after))
        return before, after, judged(quality.robustness, pen)
    if alone:
        value = pen.how(alone.value, "percent2")
        return value, *((value, pen.text("no_change")) if found.unchanged else (pen.text("not_measured"), NONE))
    return pen.text("not_measured"), pen.text("not_measured"), NONE


def robustness_alone(report: Report) -> Robustness | None:
    """That of the original, where it was measured by the diagnosis only."""
    seen = report.diagnosis.behaviour if report.diagnosis else None
    return seen.robustness if seen else None


def calibration_errors(report: Report) -> tuple[float, float] | None:
    """Before and after, on the test split."""
    seen = report.diagnosis.behaviour if report.diagnosis else None
    if seen is None:
        return None
    if report.after:
        return seen.calibration_error, report.after.calibration_error
    return (seen.calibration_error, seen.calibration_error) if report.best == report.baseline else None


def _calibration(found: BeforeAfter, pen: Pen) -> list[Row]:
    errors = calibration_errors(found.report)
    if errors is None:
        return []
    before, after = (pen.how(one, "percent2") for one in errors)
    if found.unchanged and not found.report.after:
        return [(before, after, pen.text("no_change"))]
    change = pen.points(errors[1] - errors[0])
    quality = found.report.quality
    return [(before, after, pen.text(_JUDGED[quality.calibration.status], change=change) if quality else change)]


def _notes(found: BeforeAfter, pen: Pen) -> Iterator[Inlines]:
    report = found.report
    things = facts.of(report, len(report.certificate.accuracy.scores), pen)
    baseline = Code(report.baseline)
    if not report.data.labelled:
        yield pen.say("note_before_unlabelled", baseline=baseline, things=things)
    elif found.by_framework:
        framework = pen.word(report.model.framework)
        yield pen.say("note_before", framework=framework, things=things, baseline=baseline)
    else:
        yield pen.say("note_before_converted", baseline=baseline, things=things)
    noun = facts.noun(report.preprocessing, pen)
    paired = pen.text("note_after_same") if found.unchanged else pen.text("note_after_labelled", noun=noun)
    after = pen.say("note_after", best=Code(report.best), accuracy=paired)
    if found.times_ns is None or found.unchanged:
        yield after
    elif report.retimed:
        how = pen.text(f"how_{report.retimed.mode}")
        yield joined(after, pen.say("note_retimed", how=how, processes=len(report.retimed.best_ns)))
    else:
        yield joined(after, pen.say("note_times"))
    yield joined(_note_robustness(report, pen), _note_calibration(report, pen))


def kinds(robustness: Robustness) -> tuple[str, ...]:
    """The kinds of disturbance, in their order."""
    return tuple(dict.fromkeys(one.condition.partition("@")[0] for one in robustness.conditions))


def _note_robustness(report: Report, pen: Pen) -> Inlines:
    quality = report.quality
    seen = quality.before if quality else robustness_alone(report)
    if seen is None:
        return pen.say("note_no_robustness")
    names = [pen.word(kind) for kind in kinds(seen)]
    told = {
        "conditions": len(seen.conditions),
        "kinds": pen.language.listed(names, most=len(names), quote=False),
        "things": facts.of(report, seen.samples, pen),
    }
    if quality is None:
        return pen.say("note_robustness_single", **told)
    return pen.say("note_robustness", **told, limit=quality.robustness.limit)


def _note_calibration(report: Report, pen: Pen) -> Inlines:
    if calibration_errors(report) is None:
        return ()
    if report.quality is None:
        return pen.say("note_calibration_single")
    margin = report.quality.calibration
    return pen.say("note_calibration", change=pen.rise(margin.loss), limit=margin.limit)
