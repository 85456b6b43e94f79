"""The pictures of a document, one file each: vector drawings from the numbers of a Report or a Diagnosis."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt.results.report.document.evidence import class_names
from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.pictures import classes, confusion, front, ladder, latency, learning, robustness
from edge_opt.results.report.pictures.canvas import Sketch
from edge_opt.types import Diagnosis, Report


def of_report(report: Report, pen: Pen) -> Iterator[Sketch]:
    """What there is to draw of a run, in the order of the document."""
    seen = report.diagnosis.behaviour if report.diagnosis else None
    if report.diagnosis:
        yield from learning.sketches(report.diagnosis, pen)
    behaviours = [one for one in (seen, report.after) if one]
    yield from confusion.sketches(behaviours, report.data.classes, pen)
    if report.data.labelled:
        yield from classes.sketches(report, pen)
    if report.quality:
        yield from robustness.sketches(report.quality.before, report.quality.after, pen)
    elif seen:
        yield from robustness.sketches(seen.robustness, None, pen)
    yield from latency.sketches(report, pen)
    yield from front.sketches(report, pen)
    yield from ladder.sketches(report, pen)


def of_diagnosis(diagnosis: Diagnosis, pen: Pen) -> Iterator[Sketch]:
    """What there is to draw of a model as it is."""
    yield from learning.sketches(diagnosis, pen)
    if diagnosis.behaviour:
        yield from confusion.sketches([diagnosis.behaviour], class_names(diagnosis), pen)
        yield from robustness.sketches(diagnosis.behaviour.robustness, None, pen)
