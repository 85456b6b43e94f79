"""The appendix about the certificate: what it rests on, the ledger, class by class, and what else was guarded."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt import units
from edge_opt.results.report.document import comparison, conclusion, facts
from edge_opt.results.report.document.blocks import (
    Block,
    Bullets,
    Code,
    Content,
    Details,
    Head,
    Inlines,
    Numbered,
    Paragraph,
    Table,
    joined,
)
from edge_opt.results.report.document.writing import NONE, Pen
from edge_opt.types import Accuracy, Quality, Report, Robustness

_SHOWN = 10


def certificate(report: Report, pen: Pen) -> Iterator[Block]:
    """Whose it is, what it says, and every look at the test split."""
    found = report.certificate
    noun = facts.noun(report.preprocessing, pen)
    compared = pen.say(
        "certificate_values",
        noun=noun,
        before=found.baseline.value,
        after=found.accuracy.value,
        discordant=found.verdict.discordant,
    )
    decide = found.verdict.samples_to_decide
    yield Paragraph(
        joined(
            pen.say("certificate_of", trial=Code(found.trial), noun=noun),
            conclusion.certificate(report, pen),
            compared if found.trial != report.baseline else (),
            pen.say("would_decide", things=facts.of(report, decide, pen)) if decide is not None else (),
        )
    )
    yield Paragraph(pen.say("ledger"))
    if found.ledger:
        yield Numbered(
            tuple(
                (
                    Paragraph(
                        pen.say("look", trial=Code(look.trial), status=look.status)
                        if look.status
                        else pen.say("look_diagnosis", trial=Code(look.trial))
                    ),
                )
                for look in found.ledger
            )
        )
    else:
        yield Bullets((pen.say("no_look"),))
    yield from _classes(report, pen)


def _classes(report: Report, pen: Pen) -> Iterator[Block]:
    """The classes that lose most, against the baseline on the test split."""
    before, after = report.certificate.baseline.per_class, report.certificate.accuracy.per_class
    names = sorted((name for name in after if name in before), key=lambda name: (after[name] - before[name], name))
    if report.certificate.trial == report.baseline or not names:
        return
    shown = names[:_SHOWN]
    title = "by_class_lost" if len(shown) == len(names) else "by_class_most"
    heads = (
        Head(pen.text("class"), right=False),
        Head(pen.text("class_before")),
        Head(pen.text("class_after")),
        Head(pen.text("class_change")),
    )
    rows = tuple(
        (name, _percent(before[name], pen), _percent(after[name], pen), pen.signed(after[name] - before[name]))
        for name in shown
    )
    said = pen.text(title) if title == "by_class_lost" else pen.text(title, count=len(shown))
    yield Details(said.rstrip(": \u00a0"), (Table(pen.text("by_class_label"), heads, rows),))
    yield Paragraph(pen.say("by_class_means"), kind="note")


def _percent(fraction: float, pen: Pen) -> str:
    return pen.language.localised(units.format_percent(fraction, unit=False))


def quality(report: Report, pen: Pen) -> Iterator[Block]:
    """Robustness kind by kind, before and after."""
    found = report.quality
    if found is None:
        return
    strengths = len(found.before.conditions) // max(len(comparison.kinds(found.before)), 1)
    yield Paragraph(
        pen.say(
            "quality_means",
            before=Code(found.before.model),
            after=Code(found.after.model),
            things=facts.of(report, found.before.samples, pen),
            strengths=strengths,
        )
    )
    heads = (
        Head(pen.text("kind"), right=False),
        Head(pen.text("kind_before")),
        Head(pen.text("kind_after")),
        Head(pen.text("kind_change")),
        Head(pen.text("kind_worst")),
    )
    rows: list[tuple[Content, ...]] = []
    for kind in comparison.kinds(found.before):
        before, after = (_mean(one, kind) for one in (found.before, found.after))
        rows.append(
            (
                pen.word(kind),
                _percent(before, pen),
                _percent(after, pen),
                pen.signed(after - before),
                _worst(found, kind, pen),
            )
        )
    yield Table(pen.text("quality_label"), heads, tuple(rows))


def conditions(robustness: Robustness, kind: str) -> list[Accuracy]:
    """The accuracies under one kind, the weakest strength first."""
    return [one for one in robustness.conditions if one.condition.partition("@")[0] == kind]


def _mean(robustness: Robustness, kind: str) -> float:
    found = conditions(robustness, kind)
    return sum(one.value for one in found) / len(found)


def _worst(found: Quality, kind: str, pen: Pen) -> Inlines | str:
    of_kind = [one for one in found.conditions if one.condition.partition("@")[0] == kind]
    if not of_kind:
        return NONE
    worst = max(of_kind, key=lambda one: one.loss.estimate)
    strength = worst.condition.partition("@")[2]
    return pen.say("kind_worst_is", strength=strength, loss=worst.loss.estimate, p=worst.p_value)
