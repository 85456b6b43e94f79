"""The problems that were identified, the worst first: what each is, what was seen, and what to do about it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from edge_opt.results.report.document.blocks import (
    Block,
    Bullets,
    Code,
    Inlines,
    Numbered,
    Paragraph,
    Strong,
    joined,
)
from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.symptoms import told
from edge_opt.types import Diagnosis, Finding, Report, Symptom


def of_report(report: Report, pen: Pen) -> Iterator[Block]:
    """What limits the original of a run; where nobody looked, how to."""
    if report.diagnosis is None:
        yield Paragraph(pen.say("not_diagnosed", command=Code(command(report))))
        return
    yield from of_diagnosis(report.diagnosis, pen)


def command(report: Report) -> str:
    """What has the original diagnosed."""
    return shlex.join(["edge-opt", "diagnose", report.model.path.as_posix(), "-d", report.data.path])


def of_diagnosis(diagnosis: Diagnosis, pen: Pen) -> Iterator[Block]:
    """The symptoms, and what could not be looked at."""
    if diagnosis.symptoms:
        yield Numbered(tuple(_item(one, diagnosis, pen) for one in diagnosis.symptoms))
    else:
        parts = [
            pen.text(f"part_{name}")
            for name, seen in (
                ("data", diagnosis.data),
                ("training", diagnosis.training.history or diagnosis.training.fit),
                ("structure", diagnosis.structure),
                ("behaviour", diagnosis.behaviour),
            )
            if seen
        ]
        listed = pen.language.listed(parts, quote=False) if parts else ""
        yield Paragraph(pen.say("no_symptom_of", parts=listed) if parts else pen.say("no_symptom"))
    if diagnosis.findings:
        yield Paragraph(pen.say("not_looked_at"))
        yield Bullets(tuple(finding(one, pen) for one in diagnosis.findings))


def consequence(symptom: Symptom, diagnosis: Diagnosis, pen: Pen) -> str:
    """Of what it is likely the consequence; "" where of nothing that was found."""
    code = symptom.explained_by
    if not code:
        return ""
    cause = next((one for one in diagnosis.symptoms if one.code == code), None)
    if cause is None:
        return pen.text("explained_by", code=code)
    return pen.text("explained_by_titled", code=code, title=told(cause, pen.language).title)


def _item(symptom: Symptom, diagnosis: Diagnosis, pen: Pen) -> tuple[Paragraph, ...]:
    words = told(symptom, pen.language)
    head = pen.text("severity_and_code", severity=symptom.severity, code=symptom.code)
    return (
        Paragraph((Strong(words.title), f" {head}")),
        Paragraph(joined(words.seen, consequence(symptom, diagnosis, pen))),
        Paragraph(pen.say("fix", fix=pen.language.after_colon(words.fix)), kind="fix"),
    )


def finding(found: Finding, pen: Pen) -> Inlines:
    """One finding with its code and its hint; the message is English."""
    title = pen.title(found.code)
    hint = pen.say("hint", hint=tuple(pen.ended(pen.foreign(found.hint)))) if found.hint else ()
    head = Strong(pen.text("finding", level=found.level, code=found.code))
    message = pen.ended(pen.foreign(found.message))
    inner = joined(pen.ended(title), message) if title else message
    return joined(pen.say("finding_titled", head=head, message=inner), hint)
