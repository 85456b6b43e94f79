"""One Report as a text to read, a document, a spreadsheet or JSON: everything is written from the Report alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from edge_opt.errors import MissingPackage
from edge_opt.results.report import html, markdown, pictures, raw, text
from edge_opt.results.report.document import whole
from edge_opt.results.report.document.blocks import Document, Figure
from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.language import Code, language
from edge_opt.results.report.pictures import canvas
from edge_opt.results.report.pictures.canvas import Sketch
from edge_opt.store import room
from edge_opt.types import Report

Format = Literal["text", "md", "html", "csv", "json"]
LANGUAGES: tuple[Code, ...] = ("en", "fr")
NAMES = {"en": "report", "fr": "rapport"}  # of the documents in a run folder, without the ending
PICTURES = "pictures"
CONFUSIONS = "confusions"  # drawn where the samples are, not from the Report


def render(report: Report, format: Format, *, lang: str = "en", folder: Path | None = None) -> str:
    """``report`` in ``format``, ending in a line break.

    ``folder`` is where the pictures of the run lie: Markdown links to those that are there, HTML holds them, and draws
    those that are not where it can.
    """
    if format == "text":
        return text.text(report)
    if format == "csv":
        return raw.csv(report)
    if format == "json":
        return raw.json(report)
    pen = _pen(report, lang)
    figures, missing = gathered(pictures.of_report(report, pen), folder, pen, draw=format == "html")
    document = whole.of_report(report, pen, figures, missing)
    beside = f"{folder.as_posix()}/" if folder else ""
    return html.html(document, beside=beside) if format == "html" else markdown.markdown(document, beside=beside)


def _pen(report: Report, lang: str) -> Pen:
    return Pen(language(lang), labelled=report.data.labelled)


def write(report: Report, folder: Path) -> tuple[Path, ...]:
    """The files written to ``folder``: the documents in every language and, with the extra ``report``, pictures."""
    written: list[Path] = []
    for code in LANGUAGES:
        pen = _pen(report, code)
        drawn = save(pictures.of_report(report, pen), folder, code)
        figures, missing = gathered(pictures.of_report(report, pen), folder, pen)
        document = whole.of_report(report, pen, figures, missing)
        written += [*publish(document, folder, NAMES[code]), *drawn]
    return tuple(written)


def publish(document: Document, folder: Path, name: str) -> tuple[Path, Path]:
    """The document as Markdown and as HTML in ``folder``."""
    with room(folder):
        paths = folder / f"{name}.md", folder / f"{name}.html"
        paths[0].write_text(markdown.markdown(document), encoding="utf-8")
        paths[1].write_text(html.html(document), encoding="utf-8")
    return paths


def save(sketches: Iterable[Sketch], folder: Path, lang: str) -> tuple[Path, ...]:
    """The pictures drawn into ``folder``; none where matplotlib is missing, and then the documents say so."""
    written = []
    for sketch in sketches:
        try:
            drawn = canvas.drawn(sketch)
        except MissingPackage:
            return ()
        with room(folder):
            path = folder / file_of(sketch.name, lang)
            path.parent.mkdir(exist_ok=True)
            path.write_text(drawn, encoding="utf-8")
        written.append(path)
    return tuple(written)


def file_of(name: str, lang: str) -> Path:
    """Where a picture lies in a folder: ``pictures/front.fr.svg``."""
    return Path(PICTURES) / f"{name}.{lang}.svg"


def gathered(
    sketches: Iterable[Sketch], folder: Path | None, pen: Pen, *, draw: bool = False
) -> tuple[Sequence[tuple[str, Figure]], bool]:
    """The figures of a document by name, and whether some are missing.

    Those in ``folder`` are taken; with ``draw`` the others are drawn now, where matplotlib is installed.
    """
    found: list[tuple[str, Figure]] = []
    missing = False
    for sketch in sketches:
        path = file_of(sketch.name, pen.language.code)
        svg = _read(folder, path) or (_drawn(sketch) if draw else "")
        if svg:
            found.append((sketch.name, Figure(path.as_posix(), sketch.alt, sketch.caption, svg, sketch.wide)))
        missing = missing or not svg
    confused = Path(PICTURES) / f"{CONFUSIONS}.svg"
    if svg := _read(folder, confused):
        alt, caption = pen.text("confusions_alt"), pen.text("confusions_drawn")
        place = 1 + max((i for i, (name, _) in enumerate(found) if name in ("learning", "confusion")), default=-1)
        found.insert(place, (CONFUSIONS, Figure(confused.as_posix(), alt, caption, svg, wide=True)))
    return found, missing


def _read(folder: Path | None, path: Path) -> str:
    """The picture in a folder; "" where it is not there."""
    if folder is None or not (folder / path).is_file():
        return ""
    return (folder / path).read_text(encoding="utf-8")


def _drawn(sketch: Sketch) -> str:
    """The picture drawn now; "" where nothing can draw it."""
    try:
        return canvas.drawn(sketch)
    except MissingPackage:
        return ""
