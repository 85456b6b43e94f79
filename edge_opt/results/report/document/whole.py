"""The whole documents: the report of a run, and a diagnosis, each with its appendix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from edge_opt.results.report.document import (
    certificate,
    comparison,
    conclusion,
    evidence,
    networks,
    problems,
    protocol,
    solutions,
    sources,
    summary,
    trials,
)
from edge_opt.results.report.document.blocks import Block, Code, Document, Figure, Heading, Numbered, Paragraph
from edge_opt.results.report.document.skeleton import skeleton
from edge_opt.results.report.document.writing import Pen
from edge_opt.types import Diagnosis, Model, Report

DRAWS = "pip install 'edge-opt[report]'"
Part = Callable[[Report, Pen], Iterable[Block]]
# the parts of the appendix that are written from the Report alone: the key of the heading, and what writes it
_BEFORE: tuple[tuple[str, Part], ...] = (("trials", trials.trials), ("networks", networks.networks))
_AFTER: tuple[tuple[str, Part], ...] = (
    ("broken", trials.broken),
    ("skipped", trials.skipped),
    ("findings", trials.findings),
    ("certificate", certificate.certificate),
    ("quality", certificate.quality),
    ("asked", protocol.asked),
    ("protocol", protocol.protocol),
    ("known", protocol.known),
    ("reading", protocol.reading),
    ("sources", sources.sources),
    ("reproduce", sources.reproduce),
)
# the pictures that stand beside what they show; all others stand together, first
_PLACED = ("front", "ladder")


def of_report(report: Report, pen: Pen, figures: Sequence[tuple[str, Figure]], missing: bool) -> Document:
    """The report of a run; ``figures`` by name, and whether some are ``missing`` because nothing can draw them."""
    names = skeleton(pen)
    blocks: list[Block] = [
        Heading(1, names.title, "title"),
        *summary.summary(report, pen),
        Heading(2, names.problems, "problems"),
        *problems.of_report(report, pen),
        Heading(2, names.solutions, "solutions"),
        *solutions.solutions(report, pen),
        Heading(2, names.performance, "performance"),
        *comparison.comparison(report, pen),
        Heading(2, names.conclusion, "conclusion"),
        *conclusion.conclusion(report, pen),
        Heading(2, names.appendix, "appendix"),
        *_pictures(figures, missing, pen),
    ]
    if report.diagnosis:
        blocks += _part("as_it_is", evidence.as_it_is(report.diagnosis, report.model, pen), pen)
        if report.diagnosis.data:
            blocks += _part("evidence", evidence.data(report.diagnosis.data, pen), pen)
    blocks += [block for key, write in _BEFORE for block in _part(key, write(report, pen), pen)]
    placed = [("front", trials.front), ("ladder", trials.ladder)]
    for key, write in placed:
        written = [*write(report, pen), *(figure for name, figure in figures if name.startswith(key))]
        blocks += _part(key, written, pen)
    blocks += [block for key, write in _AFTER for block in _part(key, write(report, pen), pen)]
    return Document(pen.language.code, f"{names.title}: {report.model.path.name}", tuple(blocks))


def of_diagnosis(
    diagnosis: Diagnosis, model: Model | None, pen: Pen, figures: Sequence[tuple[str, Figure]], missing: bool
) -> Document:
    """A diagnosis: the problems, the model as it is, what to do, and what was seen."""
    title = pen.text("diagnosis_title")
    remedies = tuple((Paragraph(one),) for one in conclusion.fixes(diagnosis, pen))
    blocks: list[Block] = [
        Heading(1, title, "title"),
        evidence.lead(diagnosis, model, pen),
        Heading(2, skeleton(pen).problems, "problems"),
        *problems.of_diagnosis(diagnosis, pen),
        Heading(2, pen.text("as_it_is"), "as_it_is"),
        *evidence.as_it_is(diagnosis, model, pen),
        *_missing(figures, missing, pen),
        *(figure for _, figure in figures),
    ]
    if diagnosis.data:
        blocks += [Heading(2, pen.text("evidence"), "evidence"), *evidence.data(diagnosis.data, pen)]
    blocks.append(Heading(2, pen.text("recommended"), "recommendations"))
    blocks.append(Numbered(remedies) if remedies else Paragraph(pen.say("nothing_to_do")))
    name = f": {model.path.name}" if model else ""
    return Document(pen.language.code, f"{title}{name}", tuple(blocks))


def _pictures(figures: Sequence[tuple[str, Figure]], missing: bool, pen: Pen) -> Iterator[Block]:
    free = [figure for name, figure in figures if not name.startswith(_PLACED)]
    yield from _part("pictures", [*_missing(figures, missing, pen), *free], pen)


def _missing(figures: Sequence[tuple[str, Figure]], missing: bool, pen: Pen) -> Iterator[Block]:
    if missing:
        yield Paragraph(pen.say("no_pictures", command=Code(DRAWS)), kind="note")


def _part(key: str, blocks: Iterable[Block], pen: Pen) -> list[Block]:
    """The blocks below their heading; nothing where there are none."""
    written = list(blocks)
    return [Heading(3, pen.text(key), key), *written] if written else []
