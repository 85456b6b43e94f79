"""TensorBoard's event files → the scalars of every epoch.

Read by hand and not with TensorFlow's own classes: their module imports all of TensorFlow, some seconds and hundreds of
megabytes for a few numbers, and whoever trains with PyTorch has none. The format is small and has not changed since
2015: records of a length, its checksum, a message and its checksum; of the messages (event.proto, summary.proto and
tensor.proto of TensorFlow) ten fields are of interest.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from edge_opt.errors import InputError
from edge_opt.inputs.history.columns import Column

_HINT = "give the folder that keras.callbacks.TensorBoard wrote, with train/ and validation/ in it"
_TRAINING, _VALIDATION = ("train", "training"), ("validation", "val", "valid", "eval")
_MOST_FILES = 10_000
_MOST_RECORD_BYTES = 2**31  # what a protocol buffer may hold
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT, _DOUBLE = 1, 2  # of tensorflow's DataType
_VERSION = b"brain.Event:"

_Steps = dict[int, float]


def read(path: Path) -> dict[str, Column]:
    """The scalars of a run, aligned by their step; those of a run ``validation`` beside ``train`` as ``val_…``.

    Of several runs in a folder, the one that began last.
    """
    trained, validated = _files(path)
    scalars = _scalars(trained)
    scalars.update({f"val_{name}": steps for name, steps in _scalars(validated).items()})
    steps = sorted({step for name, values in scalars.items() if "loss" in name.lower() for step in values})
    return {name: [values.get(step) for step in steps] for name, values in scalars.items()}


def _files(path: Path) -> tuple[list[Path], list[Path]]:
    """The event files of the training and those of its validation."""
    if path.is_file():
        return [path], []
    by_run: dict[Path, list[Path]] = {}
    for file in islice(path.rglob("*tfevents*"), _MOST_FILES):
        if file.is_file() and not file.name.endswith(".profile-empty"):
            by_run.setdefault(file.parent, []).append(file)
    if not by_run:
        raise InputError(f"there are no TensorBoard events in '{path}'", _HINT)
    training = {run: files for run, files in by_run.items() if run.name in _TRAINING}
    others = {run: files for run, files in by_run.items() if run.name not in _VALIDATION}
    # the names hold the time: a folder that was copied has new times of its own
    runs = training or others or by_run
    last = max(runs, key=lambda run: (max(file.name for file in runs[run]), run))
    beside = [last.parent / name for name in _VALIDATION] if last in training else []
    validated = next((by_run[run] for run in beside if run in by_run), [])
    return sorted(runs[last]), sorted(validated)


def _scalars(files: list[Path]) -> dict[str, _Steps]:
    """Every scalar by its tag and step; where a training was resumed, what was written later stands."""
    found: dict[str, _Steps] = {}
    for file in files:
        try:
            for step, tag, value in _values(file):
                found.setdefault(tag, {})[step] = value
        except OSError as error:
            raise InputError(f"'{file}' cannot be read: {error.strerror}", _HINT) from error
        except (ValueError, struct.error, IndexError) as error:
            raise InputError(f"'{file}' is no TensorBoard event file, or a damaged one", _HINT) from error
    return found


def _values(file: Path) -> Iterator[tuple[int, str, float]]:
    for number, record in enumerate(_records(file)):
        event = dict(_fields(record))
        if number == 0:
            if not bytes(_bytes(event.get(3, b""))).startswith(_VERSION):
                raise ValueError("it does not begin with a version")
            continue
        step = event.get(2, 0)
        for key, value in _fields(_bytes(event.get(5, b""))):
            if key == 1 and isinstance(step, int):
                tag, scalar = _scalar(_bytes(value))
                if scalar is not None:
                    yield step, tag, scalar


def _records(file: Path) -> Iterator[memoryview]:
    """The messages of ``file``; one that is cut off at the end, by a training that was stopped, is left out."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        while len(head := stream.read(12)) == 12:
            (length,) = struct.unpack("<Q", head[:8])
            if length > _MOST_RECORD_BYTES or (stream.tell() == 12 and length + 16 > size):
                raise ValueError("no record is as long")
            if stream.tell() + length + 4 > size:
                return
            yield memoryview(stream.read(length))
            stream.read(4)
        if stream.tell() < 12:
            raise ValueError("it is too short")


# ── protocol buffers ───────────────────────────────────────────────────────────────────────────────────────────────


def _fields(message: memoryview | bytes) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message by their numbers, fixed-size ones as their bytes. Raises ValueError or IndexError."""
    data, place = memoryview(message), 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, place = _varint(data, place)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if place + length > len(data):
            raise ValueError("a field that is longer than its message")
        yield key >> 3, data[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _bytes(value: int | memoryview | bytes) -> memoryview | bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message should be")
    return value


def _scalar(message: memoryview | bytes) -> tuple[str, float | None]:
    """The tag and the number of a summary value; None where it is a picture, a histogram, a graph."""
    fields = dict(_fields(message))
    tag = bytes(_bytes(fields.get(1, b""))).decode("utf-8", "replace")
    if 2 in fields:
        return tag, float(struct.unpack("<f", _bytes(fields[2]))[0])
    if 8 not in fields:
        return tag, None
    tensor = dict(_fields(_bytes(fields[8])))
    form = {_FLOAT: "<f", _DOUBLE: "<d"}.get(int(tensor[1]) if isinstance(tensor.get(1), int) else 0)
    held = tensor.get(4) or tensor.get(5 if form == "<f" else 6)
    if form is None or held is None or isinstance(held, int) or len(held) != struct.calcsize(form):
        return tag, None
    return tag, float(struct.unpack(form, held)[0])
