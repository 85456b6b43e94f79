"""A Diagnosis as a text for a terminal, a document in one of the languages, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from edge_opt import store
from edge_opt.results import report as reports
from edge_opt.results.report import html, markdown, pictures, tables
from edge_opt.results.report.document import evidence, problems, whole
from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.language import language
from edge_opt.results.report.symptoms import told
from edge_opt.results.report.tables import Column
from edge_opt.types import Diagnosis, Model

Format = Literal["text", "md", "html", "json"]
NAMES = {"en": "diagnosis", "fr": "diagnostic"}  # of the documents in a folder, without the ending
WIDTH = 110


def render(
    diagnosis: Diagnosis, model: Model | None, format: Format, *, lang: str = "en", folder: Path | None = None
) -> str:
    """``diagnosis`` of ``model`` in ``format``, ending in a line break; ``folder`` is where its pictures may lie."""
    pen = Pen(language(lang))
    if format == "json":
        return json.dumps(store.dump(diagnosis), separators=(",", ":"), ensure_ascii=False) + "\n"
    if format == "text":
        return text(diagnosis, model, pen)
    figures, missing = reports.gathered(pictures.of_diagnosis(diagnosis, pen), folder, pen, draw=format == "html")
    document = whole.of_diagnosis(diagnosis, model, pen, figures, missing)
    beside = f"{folder.as_posix()}/" if folder else ""
    return html.html(document, beside=beside) if format == "html" else markdown.markdown(document, beside=beside)


def write(diagnosis: Diagnosis, model: Model | None, folder: Path) -> tuple[Path, ...]:
    """The documents in every language, written to ``folder`` with their pictures."""
    written: list[Path] = []
    for code in reports.LANGUAGES:
        pen = Pen(language(code))
        drawn = reports.save(pictures.of_diagnosis(diagnosis, pen), folder, code)
        figures, missing = reports.gathered(pictures.of_diagnosis(diagnosis, pen), folder, pen)
        document = whole.of_diagnosis(diagnosis, model, pen, figures, missing)
        written += [*reports.publish(document, folder, NAMES[code]), *drawn]
    return tuple(written)


def text(diagnosis: Diagnosis, model: Model | None, pen: Pen) -> str:
    """What a terminal shows: the symptoms, the worst first, then how the model answers as it is."""
    blocks = [[*_symptoms(diagnosis, pen)], [*_table(diagnosis, model, pen)], [*_findings(diagnosis, pen)]]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _symptoms(diagnosis: Diagnosis, pen: Pen) -> Iterator[str]:
    if not diagnosis.symptoms:
        yield pen.text("no_symptom")
    for symptom in diagnosis.symptoms:
        words = told(symptom, pen.language)
        yield f"{pen.word(symptom.severity)}[{symptom.code}] {words.title}"
        yield from _wrapped(words.seen)
        if cause := problems.consequence(symptom, diagnosis, pen):
            yield from _wrapped(cause)
        yield from _wrapped(pen.text("fix", fix=pen.language.after_colon(words.fix)))


def _wrapped(sentence: str) -> Iterator[str]:
    """Lines of at most WIDTH letters; a space that does not break is none to break at."""
    line = " "
    for word in sentence.split(" "):
        if len(line) + 1 + len(word) > WIDTH and line.strip():
            yield line
            line = " "
        line = f"{line} {word}"
    yield line


def _table(diagnosis: Diagnosis, model: Model | None, pen: Pen) -> list[str]:
    rows = evidence.lines(diagnosis, model, pen)
    if not rows:
        return []
    return tables.draw(
        [
            Column(pen.text("measure"), tuple(name for name, _ in rows), right=False),
            Column(pen.text("value"), tuple(value for _, value in rows), right=False),
        ]
    )


def _findings(diagnosis: Diagnosis, pen: Pen) -> Iterator[str]:
    """What is worth knowing besides: its message is English in every language, so that a title goes before it."""
    for finding in diagnosis.findings:
        title = pen.title(finding.code)
        yield f"{pen.word(finding.level)}[{finding.code}] {title}{' : ' if title else ''}{finding.message}"
        if finding.hint:
            yield f"  hint: {finding.hint}"
