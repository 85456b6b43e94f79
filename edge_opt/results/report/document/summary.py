"""What stands under the title: what came of it in a sentence and a few numbers."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt.results.report import words
from edge_opt.results.report.document import facts
from edge_opt.results.report.document.blocks import Block, Code, Highlight, Highlights, Paragraph
from edge_opt.results.report.document.skeleton import skeleton
from edge_opt.results.report.document.writing import Pen
from edge_opt.types import Report


def summary(report: Report, pen: Pen) -> Iterator[Block]:
    """The answer."""
    found = facts.BeforeAfter(report=report)
    key = "lead_unchanged" if found.unchanged else "lead_changed"
    target, best = Code(report.target.name), Code(report.best)
    yield Paragraph(pen.say(key, model=Code(report.model.path.name), target=target, best=best), kind="lead")
    yield Highlights(tuple(highlights(found, pen)))
    yield Paragraph(
        pen.say(
            "lead_meta",
            tool=words.tool(report),
            date=facts.date(report.started, pen),
            machine=facts.machine(report, pen),
            threads=pen.text("threads", count=report.threads),
        ),
        kind="meta",
    )


def highlights(found: facts.BeforeAfter, pen: Pen) -> Iterator[Highlight]:
    """Before and after, of each the number that counts."""
    report, names = found.report, skeleton(pen).typeset(pen.language.typeset)
    if report.data.labelled:
        before, after = found.accuracy_before.value, report.certificate.accuracy.value
        change = "" if found.unchanged else pen.points(-found.drop.estimate)
        yield Highlight(
            names.accuracy, pen.how(before, "percent2"), pen.how(after, "percent2"), change, found.drop.estimate < 0
        )
    times = found.times_ns
    if times:
        change = pen.faster_short(found.speed_up) if found.speed_up else ""
        better = bool(found.speed_up and found.speed_up.low > 1)
        yield Highlight(names.time, pen.how(times[0], "duration"), pen.how(times[1], "duration"), change, better)
    was, now = found.sizes
    change = "" if found.unchanged else pen.sized(was, now)
    yield Highlight(names.size, pen.how(was, "bytes"), pen.how(now, "bytes"), change, now < was)
    if quality := report.quality:
        change = pen.points(-quality.robustness.loss.estimate)
        before, after = quality.before.value, quality.after.value
        better = quality.robustness.loss.high < 0
        yield Highlight(names.robustness, pen.how(before, "percent2"), pen.how(after, "percent2"), change, better)
