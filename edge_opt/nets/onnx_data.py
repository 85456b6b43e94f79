"""An ONNX file → the files beside it that hold its weights (its "external data"), found without the package onnx.

The gate and its pre-commit hook need to know them, where that package may not be installed and is slow to import. So
the file is read as what it is, a message of Protocol Buffers, by field numbers that ONNX can never change.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeAlias

from edge_opt.errors import ModelError

Content: TypeAlias = bytes | mmap.mmap

# the messages of onnx.proto that lead to tensors: field number → what lies in it
WITHIN = {
    "model": {7: "graph", 25: "function"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
}
_ENTRY, _EXTERNAL = 13, 14  # of a tensor: an entry of its external data, and whether it has any
_KEY, _VALUE = 1, 2  # of an entry
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5  # the wire types
_NO_BYTES = slice(0, 0)


def data_files(path: Path) -> dict[str, Path]:
    """The files beside ``path`` that hold weights of its model, under the names that the model has for them.

    Raises ModelError where one of them lies outside its folder, by its name or as a link, or is not there; ValueError
    where ``path`` is no message of Protocol Buffers.
    """
    if not path.stat().st_size:  # nothing that could be mapped
        return {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = locations(content)
    return {os.path.normpath(location): _beside(path, location) for location in found}


def locations(content: Content) -> tuple[str, ...]:
    """What the model calls the files of its weights, unchecked and sorted. Raises ValueError where it is no message."""
    found: set[str] = set()
    unread = [("model", slice(0, len(content)))]
    while unread:
        kind, message = unread.pop()
        if kind == "tensor":
            found.update(_locations(content, message))
        else:
            inside = WITHIN[kind]
            unread += [(inside[field], part) for field, _, part in _fields(content, message) if field in inside]
    return tuple(sorted(found))


def _locations(content: Content, tensor: slice) -> list[str]:
    """Every file that a tensor names, as some readers take the first and some the last; ``""`` where it names none."""
    external, entries = False, []
    for field, value, part in _fields(content, tensor):
        if field == _EXTERNAL:
            external = external or value != 0
        elif field == _ENTRY:
            entries.append({inner: content[text] for inner, _, text in _fields(content, part)})
    if not external:
        return []
    return [os.fsdecode(entry.get(_VALUE, b"")) for entry in entries if entry.get(_KEY) == b"location"] or [""]


def _fields(content: Content, message: slice) -> Iterator[tuple[int, int, slice]]:
    """The number of each field, its value where it is an integer, and where its bytes are if it is text or a message.

    Raises ValueError where it ends amid a field, or has one of a type that ONNX never used.
    """
    place: int = message.start
    while place < message.stop:
        key, place = _varint(content, place)
        value, part, wire = 0, _NO_BYTES, key & 7
        if wire == _VARINT:
            value, place = _varint(content, place)
        elif wire == _BYTES:
            length, start = _varint(content, place)
            place = start + length
            part = slice(start, place)
        elif wire in (_FIXED_64, _FIXED_32):
            place += 8 if wire == _FIXED_64 else 4
        else:
            raise ValueError(f"it has a field of the unknown type {wire}")
        if place > message.stop:
            raise ValueError("it ends too early")
        yield key >> 3, value, part


def _varint(content: Content, place: int) -> tuple[int, int]:
    """The number at ``place``, 7 bits a byte from the lowest, and where the next thing begins."""
    number = 0
    for shift in range(0, 70, 7):
        if place == len(content):
            raise ValueError("it ends too early")
        byte = content[place]
        number |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return number, place
    raise ValueError("it has a number of more than 64 bits")


def _beside(path: Path, location: str) -> Path:
    """The file at ``location``. Raises ModelError as :func:`data_files` does, by the rule of ONNX Runtime."""
    file = path.parent / location
    try:
        # a model that is a link may have its weights where it leads to, as in a cache of Hugging Face
        folders = (path.parent.resolve(), path.resolve().parent)
        escapes = (
            PurePosixPath(location).is_absolute()
            or PureWindowsPath(location).is_absolute()
            or not location
            or not any(file.resolve().is_relative_to(folder) for folder in folders)
        )
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, links in a circle
        escapes = True
    if escapes:
        raise ModelError(
            f"'{path.name}' wants to read its weights from '{location}', outside its own folder",
            "save it with its weights beside it, or in the one file",
        )
    if not file.is_file():
        raise ModelError(
            f"the weights of '{path.name}' are in '{location}', which is not there", "copy both files into one folder"
        )
    return file
