"""Writes the notebooks of the workshop from ``lessons/``: two in French, and their English twins.

python examples/workshop/make_notebooks.py
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:  # where this file is loaded by a test
    sys.path.insert(0, str(HERE))

from lessons import LESSONS  # noqa: E402
from lessons.cells import Cell, Lesson  # noqa: E402

NO_BREAK, NARROW = "\u00a0", "\u202f"


def notebook(lesson: Lesson, language: str) -> dict[str, Any]:
    """The notebook of ``lesson`` in ``language``, without outputs; its ids are those of its twin."""
    return {
        "cells": [cell(one, language, f"cell-{number:02d}") for number, one in enumerate(lesson.cells, start=1)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def cell(one: Cell, language: str, name: str) -> dict[str, Any]:
    """One cell as a notebook holds it."""
    source = one.fr if language == "fr" else one.en
    if one.kind == "markdown":
        return {
            "cell_type": "markdown",
            "id": name,
            "metadata": {},
            "source": (french(source) if language == "fr" else source).splitlines(keepends=True),
        }
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {},
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }


def french(text: str) -> str:
    """``text`` with the apostrophe and the spaces of French printing, but not in code and addresses."""
    pieces = re.split(r"(`[^`]*`|\]\([^)]*\))", text)
    return "".join(piece if place % 2 else typeset(piece) for place, piece in enumerate(pieces))


def typeset(text: str) -> str:
    """Prose in French printing."""
    text = text.replace("'", "’")
    text = re.sub(r" (?=[;!?%])", NARROW, text)
    text = re.sub(r"(?<=\d) (?=\d{3}\b)", NARROW, text)
    text = re.sub(r" (?=[:»])", NO_BREAK, text)
    return re.sub(r"(?<=«) ", NO_BREAK, text)


def notebooks() -> Iterator[tuple[Path, str]]:
    """Each notebook's place and content."""
    for lesson in LESSONS:
        for language, name in (("fr", lesson.fr), ("en", lesson.en)):
            content = json.dumps(notebook(lesson, language), indent=1, ensure_ascii=False) + "\n"
            yield HERE / language / f"{name}.ipynb", content


if __name__ == "__main__":
    for path, content in notebooks():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
