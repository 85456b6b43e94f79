"""The contract as a small TOML file beside the data, commented for the people who edit it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

from edge_opt.errors import InputError
from edge_opt.inputs import fields
from edge_opt.types import ArrayPreprocessing, Contract, Preprocessing

_HINTS = get_type_hints(Preprocessing)
_KEYS = ("kind", *_HINTS, "mean", "std", "units")
_ARRAY_KEYS = ("kind", "shape", "scale", "offset")
_UNITS = {"0..1": 255.0, "0..255": 1.0}

_TEMPLATE = """\
# What is done to a picture before the model sees it, in this order: colour, crop, resize, then
# pixel * scale + offset for pixels in 0..255. It must be what was done when the model was trained.

# The order of the channels: "rgb", "bgr" or "gray".
color = "{color}"

# The size that the model takes, in pixels.
height = {height}
width = {width}

# How pictures of another size are resampled: "bilinear", "bicubic", "area" or "nearest".
resize = "{resize}"

# "none" stretches the whole picture to that size; "center" first cuts out the largest centred window of its aspect.
crop = "{crop}"

# One number for all channels, or one for each in the order of `color`. Instead of scale and offset you may write
#   mean = [0.485, 0.456, 0.406]
#   std = [0.229, 0.224, 0.225]
#   units = "0..1"      # the range of the pixels that mean and std are meant for: "0..1" or "0..255"
scale = {scale}
offset = {offset}

# The type of the numbers: "float32", or "uint8" for a model that takes whole pixels.
dtype = "{dtype}"

# The order of the axes, N being the batch: "NHWC", "NCHW", or "NHW" for a model without a channel axis (gray only).
layout = "{layout}"
"""

_ARRAY_TEMPLATE = """\
# What is done to a sample before the model sees it: value * scale + offset. It must be what was done when the model was
# trained; where that was done before the data were stored, it is scale = [1.0] and offset = [0.0].

# "array": the samples are no pictures.
kind = "array"

# The shape of one sample as the model takes it, without the batch.
shape = {shape}

# One number for all values, or one for each place of the last axis. To standardise by a mean and a deviation, write
# scale = 1 / deviation and offset = -mean / deviation.
scale = {scale}
offset = {offset}
"""


def contract_path(data: Path) -> Path:
    """Where the contract of ``data`` stands: ``DATA/preprocessing.toml``, or ``x.preprocessing.toml`` for a file."""
    data = Path(data)
    return data / "preprocessing.toml" if data.is_dir() else data.with_name(f"{data.stem}.preprocessing.toml")


def read(data: Path) -> Contract | None:
    """The contract beside ``data``, or ``None`` where there is none; ``data`` may also be the ``.toml`` file itself.

    ``mean`` and ``std`` become scale and offset. Raises InputError, with file, key and value, where it is not valid.
    """
    path = Path(data) if Path(data).suffix == ".toml" else contract_path(data)
    return _contract(fields.read(path)) if path.is_file() else None


def write(contract: Contract, data: Path) -> Path:
    """Write ``contract`` beside ``data``, with a comment on every key, and return the file."""
    path = Path(data) if Path(data).suffix == ".toml" else contract_path(data)
    keys, template = (
        (_ARRAY_KEYS[1:], _ARRAY_TEMPLATE) if isinstance(contract, ArrayPreprocessing) else (tuple(_HINTS), _TEMPLATE)
    )
    values: dict[str, Any] = {key: getattr(contract, key) for key in keys}
    values |= {key: _list(values[key]) for key in ("scale", "offset")}
    values |= {"shape": list(values["shape"])} if "shape" in values else {}
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(template.format(**values), encoding="utf-8")
        os.replace(partial, path)
    except OSError as fault:
        raise InputError(
            f"'{path}' cannot be written: {fault.strerror}", "make the folder of the data writable"
        ) from fault
    return path


def _list(numbers: Sequence[float]) -> str:
    return f"[{', '.join(repr(float(number)) for number in numbers)}]"


def _contract(document: fields.Fields) -> Contract:
    if document.text("kind", "picture", ("picture", "array")) == "array":
        return _array_contract(document)
    document.only(_KEYS)
    words = {
        key: document.text(key, getattr(Preprocessing, key, None), get_args(_HINTS[key]))
        for key in ("color", "resize", "crop", "dtype", "layout")
    }
    if words["layout"] == "NHW" and words["color"] != "gray":
        raise document.error("layout", 'NHWC or NCHW, as "NHW" has no room for colour')
    scale, offset = _linear(document, 1 if words["color"] == "gray" else 3)
    return Preprocessing(
        height=document.integer("height"),
        width=document.integer("width"),
        scale=scale,
        offset=offset,
        **words,  # type: ignore[arg-type]
    )


def _array_contract(document: fields.Fields) -> ArrayPreprocessing:
    document.only(_ARRAY_KEYS)
    sizes = document.numbers("shape")
    if any(size < 1 or size != int(size) for size in sizes):
        raise document.error("shape", "a list of whole numbers from 1, as [49, 10]")
    shape = tuple(int(size) for size in sizes)
    scale, offset = (_channels(document, key, default, shape[-1]) for key, default in (("scale", 1.0), ("offset", 0.0)))
    return ArrayPreprocessing(shape=shape, scale=scale, offset=offset)


def _linear(document: fields.Fields, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    normalised = [key for key in ("mean", "std", "units") if key in document]
    plain = [key for key in ("scale", "offset") if key in document]
    if normalised and plain:
        raise InputError(
            f"'{document.path}' has both '{plain[0]}' and '{normalised[0]}'",
            "write scale and offset, or mean, std and units",
        )
    if not normalised:
        return _channels(document, "scale", 1.0, channels), _channels(document, "offset", 0.0, channels)
    unit = _UNITS[document.text("units", choices=_UNITS)]
    mean, std = _channels(document, "mean", 0.0, channels), _channels(document, "std", 1.0, channels)
    if min(std) <= 0:
        raise document.error("std", "above zero in every channel")
    width = max(len(mean), len(std))
    pairs = list(zip(mean * (width // len(mean)), std * (width // len(std)), strict=True))
    scale = tuple(1 / (unit * deviation) for _, deviation in pairs)
    return scale, tuple(-middle / deviation for middle, deviation in pairs)


def _channels(document: fields.Fields, key: str, default: float, channels: int) -> tuple[float, ...]:
    found = document.numbers(key, (default,))
    if len(found) not in (1, channels):
        many = "" if channels == 1 else f", or {channels}, one for each channel or place of the last axis in order"
        raise document.error(key, f"one number{many}")
    if key == "scale" and 0 in found:
        raise document.error(key, "other than zero, or every sample would look the same")
    return found
