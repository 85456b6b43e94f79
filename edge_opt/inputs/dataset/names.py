"""The words that data sets use: names of splits, and where the class names stand."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

from edge_opt.errors import DataError
from edge_opt.types import Finding

Split = Literal["train", "validation", "test"]

SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def declared_classes(data: Path) -> tuple[str, ...]:
    """The class names that a file beside ``data`` declares, in the order of the model's outputs; () where none does.

    Looked for: ``classes.txt`` in a folder; beside a file ``<stem>.classes.txt``, ``<stem>.json``,
    ``<stem>.manifest.json``, and ``manifest.json`` where it names the file. Raises DataError for a broken one.
    """
    if data.is_dir():
        return _lines(data / "classes.txt")
    listed = _lines(data.with_name(f"{data.stem}.classes.txt"))
    if listed:
        return listed
    for name in (f"{data.stem}.json", f"{data.stem}.manifest.json", "manifest.json"):
        found = _manifest(data.with_name(name), data.name if name == "manifest.json" else "")
        if found:
            return found
    return ()


def _lines(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    found = tuple(line.strip() for line in text_of(path).splitlines() if line.strip())
    return _distinct(found, path)


def text_of(path: Path) -> str:
    """The content of a text file. Raises DataError where that cannot be read, or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        line = fault.object[: fault.start].count(b"\n") + 1
        raise DataError(f"'{path}' is not UTF-8 text: see its line {line}", "save it in that encoding") from fault
    except OSError as fault:
        raise DataError(f"'{path}' cannot be read: {fault.strerror}", "give the right to read it") from fault


def _manifest(path: Path, must_name: str) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    text = text_of(path)
    if must_name not in text:
        return ()
    try:
        content = json.loads(text)
    except json.JSONDecodeError as fault:
        raise DataError(f"'{path}' is not valid JSON: {fault}", "correct it, or take it away") from fault
    found = (content.get("classes") or content.get("class_names")) if isinstance(content, dict) else None
    if not found:
        return ()
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise DataError(f"'{path}': 'classes' is not a list of names", 'write it as ["first", "second", …]')
    return _distinct(tuple(found), path)


def _distinct(found: tuple[str, ...], path: Path) -> tuple[str, ...]:
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise DataError(f"'{path}' names the class '{twice[0]}' twice", "every class has one line of its own")
    return found


def counted(number: int, noun: str) -> str:
    """The number with its noun: ``1 picture``, ``12 pictures``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def few(names: Sequence[str], most: int = 3) -> str:
    """The first names in quotes, and how many more there are."""
    listed = ", ".join(f"'{name}'" for name in names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"


def absent_finding(classes: Sequence[str], present: Collection[str]) -> Finding | None:
    """A warning where ``classes`` names some that no picture of the data set shows."""
    absent = [name for name in classes if name not in present]
    if not absent:
        return None
    return Finding(
        code="EO110",
        level="warning",
        message=f"the data set has no picture of {few(absent)}, {len(absent)} of the {len(classes)} classes named",
        hint="nothing can be said about them; add pictures, if the model is to know them",
    )


def order_finding(classes: tuple[str, ...]) -> Finding | None:
    """A warning where the names are numbers that sort as text in another order than by value (0, 1, 10, 2)."""
    if not all(name.isdecimal() for name in classes) or list(classes) == sorted(classes, key=int):
        return None
    return Finding(
        code="EO107",
        level="warning",
        message=f"the classes are numbers, in the order of text: {', '.join(classes[:4])}, …",
        hint="Keras and PyTorch read folders in that order; if the model learned another one, write it to classes.txt",
    )
