"""The conclusion: what is handed over and how far it can be trusted, and then what to do, item by item."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt.results.report.document import facts, problems, solutions
from edge_opt.results.report.document.blocks import (
    Block,
    Code,
    Content,
    Inlines,
    Numbered,
    Paragraph,
    Strong,
    joined,
)
from edge_opt.results.report.document.facts import BeforeAfter
from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.symptoms import told
from edge_opt.types import Diagnosis, Report

FIXES = 3  # of symptoms that are no problem: all of them stand above with what to do
BROKEN_LIMIT = "EO210"  # the code of a limit that what is handed over does not keep


def conclusion(report: Report, pen: Pen) -> Iterator[Block]:
    """The summary, and the recommendations."""
    found = BeforeAfter(report=report)
    yield Paragraph(joined(_handed_over(found, pen), solutions.slower(found, pen)))
    yield Paragraph(joined(certificate(report, pen), looks(report, pen)))
    if report.quality:
        status, loss = report.quality.robustness.status, report.quality.robustness.loss
        change = pen.text("robust_change", change=pen.change(loss))
        yield Paragraph(pen.say(f"robust_{status}", change=change))
    count = sum(1 for one in report.diagnosis.symptoms if one.severity == "problem") if report.diagnosis else 0
    if count:
        yield Paragraph(pen.say("remaining", problems=count))
    yield Paragraph((Strong(pen.text("recommendations")),))
    remedies = fixes(report.diagnosis, pen) if report.diagnosis else _to_diagnose(report, pen)
    yield Numbered(tuple((Paragraph(one),) for one in (*remedies, *_deployment(report, pen))))


def _handed_over(found: BeforeAfter, pen: Pen) -> Inlines:
    best = Code(found.report.best)
    if found.unchanged:
        return pen.say("handed_over_baseline", best=best)
    told: list[Content] = []
    if found.speed_up and found.times_ns:
        before, after = (pen.how(one, "duration") for one in found.times_ns)
        told.append(pen.say("instead", what=pen.faster_short(found.speed_up), before=before, after=after))
    before, after = (pen.how(one, "bytes") for one in found.sizes)
    told.append(pen.say("instead", what=pen.sized(*found.sizes), before=before, after=after))
    return pen.say("handed_over", best=best, facts=pen.series(told))


def certificate(report: Report, pen: Pen) -> Inlines:
    """What the test split says of what is handed over."""
    found = report.certificate
    things = facts.of(report, found.verdict.samples, pen)
    if found.trial == report.baseline:
        return pen.say("own_reference", value=found.accuracy.value, things=things)
    key = {"pass": "certified", "fail": "not_certified", "unclear": "cannot_certify"}[found.status]
    drop = pen.text("drop_accuracy", change=pen.change(found.verdict.drop))
    return pen.say(key, limit=found.verdict.limit, things=things, drop=drop)


def looks(report: Report, pen: Pen) -> Inlines:
    """How often the test split was looked at, and for what."""
    ledger = report.certificate.ledger
    certifying = sum(1 for one in ledger if one.purpose == "certificate")
    other = len(ledger) - certifying
    if certifying == 1:
        said = pen.say("looked_at_once")
    else:
        said = pen.say("looked_at", looks=certifying) if certifying else pen.say("never_looked_at")
    return joined(said, pen.say("looked_for_diagnosis", looks=other) if other else ())


def fixes(diagnosis: Diagnosis, pen: Pen) -> Iterator[Inlines]:
    """What to do about every problem, and about the worst of what is less; the same advice once."""
    chosen = [one for place, one in enumerate(diagnosis.symptoms) if one.severity == "problem" or place < FIXES]
    said: set[str] = set()
    for symptom in chosen:
        words = told(symptom, pen.language)
        if words.fix not in said:
            said.add(words.fix)
            yield pen.say("recommend", title=Strong(words.title), fix=pen.language.after_colon(words.fix))
    if len(chosen) < len(diagnosis.symptoms):
        yield pen.say("fixes_above", others=len(diagnosis.symptoms) - len(chosen))


def _to_diagnose(report: Report, pen: Pen) -> Iterator[Inlines]:
    yield pen.say("diagnose_first", command=Code(problems.command(report)))


def _deployment(report: Report, pen: Pen) -> Iterator[Inlines]:
    for finding in report.findings:
        if finding.code == BROKEN_LIMIT:
            yield pen.say("broken_limit", finding=pen.ended(pen.foreign(finding.message)))
    if (count := report.certificate.verdict.samples_to_decide) is not None:
        yield pen.say("more_samples", count=count)
    yield pen.say("deploy", bundle=Code("bundle/"), command=Code("edge-opt verify bundle"))
    yield pen.say("mind_contract", contract=facts.contract(report.preprocessing, pen))
    yield pen.say("measure_there", machine=facts.machine(report, pen))
