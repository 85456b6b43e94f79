"""One Report as a text to read, a document, a spreadsheet or JSON: everything is written from the Report alone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from edge_opt.errors import MissingPackage
from edge_opt.results.report import front, markdown, raw, text
from edge_opt.store import room
from edge_opt.types import Measured, Report

Format = Literal["text", "md", "html", "csv", "json"]
PICTURE = "front.svg"


def render(report: Report, format: Format, *, lang: str = "en", folder: Path | None = None, picture: str = "") -> str:
    """``report`` in ``format``, ending in a line break; ``picture`` is where a document finds that of the front."""
    if format == "text":
        return text.text(report)
    if format == "md":
        return markdown.markdown(report, picture)
    return raw.csv(report) if format == "csv" else raw.json(report)


def write(report: Report, folder: Path) -> tuple[Path, ...]:
    """The files written to ``folder``: ``report.md`` and, where the extra ``report`` is installed, ``front.svg``."""
    with room(folder):
        drawn = _drawn(report, folder / PICTURE)
        document = folder / "report.md"
        document.write_text(render(report, "md", picture=PICTURE if drawn else ""), encoding="utf-8")
    return (document, folder / PICTURE) if drawn else (document,)


def _drawn(report: Report, path: Path) -> bool:
    """Whether the front could be drawn to ``path``: the document says how to get the picture where it is missing."""
    if not any(isinstance(trial.measured, Measured) for trial in report.trials):
        return False
    try:
        path.write_text(front.svg(report), encoding="utf-8")
    except MissingPackage:
        return False
    return True
