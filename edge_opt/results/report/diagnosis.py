"""A Diagnosis as a text for a terminal, a document in one of the languages, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from edge_opt import store
from edge_opt.results.report import tables
from edge_opt.results.report.document.writing import NONE, Pen
from edge_opt.results.report.language import language
from edge_opt.results.report.symptoms import told
from edge_opt.results.report.tables import Column
from edge_opt.types import Behaviour, Diagnosis, Model

Format = Literal["text", "md", "html", "json"]
WIDTH = 110


def render(
    diagnosis: Diagnosis, model: Model | None, format: Format, *, lang: str = "en", folder: Path | None = None
) -> str:
    """``diagnosis`` of ``model`` in ``format``, ending in a line break; ``folder`` is where its pictures may lie."""
    if format == "json":
        return json.dumps(store.dump(diagnosis), separators=(",", ":"), ensure_ascii=False) + "\n"
    return text(diagnosis, model, Pen(language(lang)))


def text(diagnosis: Diagnosis, model: Model | None, pen: Pen) -> str:
    """What a terminal shows: the symptoms, the worst first, then how the model answers as it is."""
    blocks = [[*_symptoms(diagnosis, pen)], [*_table(diagnosis, model, pen)], [*_findings(diagnosis)]]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _symptoms(diagnosis: Diagnosis, pen: Pen) -> Iterator[str]:
    if not diagnosis.symptoms:
        yield pen.text("no_symptom")
    for symptom in diagnosis.symptoms:
        words = told(symptom, pen.language)
        yield f"{pen.word(symptom.severity)}[{symptom.code}] {words.title}"
        yield from _wrapped(words.seen)
        if symptom.explained_by:
            yield from _wrapped(pen.text("explained_by", code=symptom.explained_by))
        yield from _wrapped(pen.text("fix", fix=words.fix))


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
    rows = [*rows_of(diagnosis.behaviour, pen)] if diagnosis.behaviour else []
    if model:
        rows.append((pen.text("parameters"), pen.how(model.parameters, "count")))
    return tables.draw(
        [
            Column(pen.text("measure"), tuple(name for name, _ in rows), right=False),
            Column(pen.text("value"), tuple(value for _, value in rows), right=False),
        ]
    )


def rows_of(behaviour: Behaviour, pen: Pen) -> Iterator[tuple[str, str]]:
    """What was measured of the model, and its value in words."""
    accuracy, disturbed = behaviour.accuracy, behaviour.robustness
    samples = len(accuracy.scores)
    yield (
        pen.text("accuracy"),
        pen.text("accuracy_on", value=accuracy.value, samples=samples, split=accuracy.split),
    )
    yield pen.text("calibration_error"), pen.how(behaviour.calibration_error, "percent2")
    latency = behaviour.latency_ns
    yield pen.text("inference_time"), pen.text("not_timed") if latency is None else pen.how(latency, "duration")
    yield pen.text("model_size"), pen.how(behaviour.size_bytes, "bytes")
    yield (
        pen.text("robustness"),
        pen.text(
            "robustness_on",
            value=disturbed.value,
            conditions=len(disturbed.conditions),
            samples=disturbed.samples,
        )
        if disturbed
        else NONE,
    )


def _findings(diagnosis: Diagnosis) -> Iterator[str]:
    for finding in diagnosis.findings:
        yield f"{finding.level}[{finding.code}] {finding.message}"
        if finding.hint:
            yield f"  hint: {finding.hint}"
