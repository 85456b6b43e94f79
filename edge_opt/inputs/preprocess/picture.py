"""A picture → what the model sees. This is the definition; an implementation in another language must give the same.

All of it is arithmetic on whole numbers or single multiplications, so that JavaScript can match it bit by bit:

1. Colour. ``gray`` of (R, G, B) is ``(19595 R + 38470 G + 7471 B + 32768) >> 16`` (ITU-R BT.601); ``rgb`` of a grey
   picture repeats it; ``bgr`` is ``rgb`` with its channels reversed.
2. Crop ``center``: the largest centred window with the aspect of (width, height). Of a picture w × h that is too wide
   the window is ``cw = max(1, (2 h · width + height) // (2 height))`` wide and starts at ``(w - cw) // 2``; one that is
   too tall likewise, with the axes exchanged.
3. Resize, each axis on its own, first the rows' length, then the number of rows, each rounded to whole pixels. With
   ``s = in / out`` and ``f = max(s, 1)``, output i is centred at ``m = (i + 0.5) s`` and takes the inputs j from
   ``int(m - r f + 0.5)`` to below ``int(m + r f + 0.5)``, cut at the border, with the weights ``k((j - m + 0.5) / f)``
   divided by their sum; r and k are 1 and the triangle for ``bilinear``, 2 and the cubic with a = -0.5 for ``bicubic``,
   0.5 and the box on (-0.5, 0.5] for ``area``. A weight is rounded to a multiple of 2^-22, half away from zero; the
   sum of products is rounded half up and cut to 0..255. ``nearest`` takes input ``int((i + 0.5) s)``. (These are
   Pillow's kernels: they widen when they shrink, unlike those of OpenCV or ``tf.image.resize`` by default.)
4. ``pixel * scale[c] + offset[c]`` in float64, then rounded to float32; for ``uint8`` ``floor(value + 0.5)`` in 0..255.
   Channel c counts in the order of the contract: for ``bgr``, entry 0 is blue.
5. Layout: (h, w, c), (c, h, w), or (h, w) for ``NHW``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import MissingPackage
from edge_opt.types import Preprocessing

Array = NDArray[Any]


def shape(contract: Preprocessing) -> tuple[int, ...]:
    """The shape of one prepared picture, without the batch."""
    channels = 1 if contract.color == "gray" else 3
    return {
        "NHWC": (contract.height, contract.width, channels),
        "NCHW": (channels, contract.height, contract.width),
        "NHW": (contract.height, contract.width),
    }[contract.layout]


def apply(contract: Preprocessing, image: Array) -> Array:
    """What the model sees of ``image``: of :func:`shape`, in the contract's dtype.

    ``image`` is ``(h, w, c)`` with c = 1 (grey) or 3 (RGB), uint8, or float32 in 0..255, which is then not rounded.
    """
    return finished(contract, resized(contract, _colored(contract.color, image)))


def finished(contract: Preprocessing, pictures: Array) -> Array:
    """A picture ``(h, w, c)`` of the right colours and size, or ``(n, h, w, c)``: scaled, in the contract's layout."""
    values = _linear(contract, pictures)
    if contract.layout == "NCHW":
        return np.ascontiguousarray(np.moveaxis(values, -1, -3))
    return np.ascontiguousarray(values[..., 0] if contract.layout == "NHW" else values)


def unfinished(contract: Preprocessing) -> Preprocessing:
    """The contract up to colours and size: it gives whole pixels in 0..255, ``(h, w, c)``, for :func:`finished`."""
    return replace(contract, scale=(1.0,), offset=(0.0,), dtype="uint8", layout="NHWC")


def apply_each(contracts: Sequence[Preprocessing], image: Array) -> list[Array]:
    """What :func:`apply` gives for each; contracts that differ in their numbers only share the resized picture."""
    pictures: dict[Preprocessing, Array] = {}
    rows = []
    for contract in contracts:
        geometry = unfinished(contract)
        if geometry not in pictures:
            pictures[geometry] = resized(contract, _colored(contract.color, image))
        rows.append(finished(contract, pictures[geometry]))
    return rows


def resized(contract: Preprocessing, image: Array) -> Array:
    """``image`` cropped and resized to the contract's height and width; its channels and its dtype stay."""
    height, width = image.shape[:2]
    if contract.crop == "center":
        top, left, height, width = window(contract, height, width)
        image = image[top : top + height, left : left + width]
    if (height, width) == (contract.height, contract.width):
        return image
    try:
        from PIL import Image
    except ImportError as fault:
        raise MissingPackage.of("pillow", "images", "resizing pictures") from fault
    method = Image.Resampling[_METHODS[contract.resize]]

    def resample(plane: Array) -> Array:
        # one axis a call: left to itself, Pillow takes either first, depending on its version and the sizes
        rows = Image.fromarray(np.ascontiguousarray(plane)).resize((contract.width, height), method)
        return np.asarray(rows.resize((contract.width, contract.height), method))

    if image.dtype == np.uint8 and image.shape[-1] == 3:
        return resample(image)
    return np.stack([resample(image[..., c]) for c in range(image.shape[-1])], axis=-1)


_METHODS = {"nearest": "NEAREST", "bilinear": "BILINEAR", "bicubic": "BICUBIC", "area": "BOX"}


def window(contract: Preprocessing, height: int, width: int) -> tuple[int, int, int, int]:
    """The centred window of a picture: its top, left, height and width."""
    if width * contract.height > height * contract.width:
        kept = max(1, (2 * height * contract.width + contract.height) // (2 * contract.height))
        return 0, (width - kept) // 2, height, kept
    kept = max(1, (2 * width * contract.height + contract.width) // (2 * contract.width))
    return (height - kept) // 2, 0, kept, width


def _colored(color: str, image: Array) -> Array:
    if color == "gray":
        if image.shape[-1] == 1:
            return image
        weighted = image.astype(np.float64 if image.dtype.kind == "f" else np.int64) @ np.array([19595, 38470, 7471])
        gray = weighted / 65536 if image.dtype.kind == "f" else (weighted + 32768) >> 16
        return np.asarray(gray, image.dtype)[..., None]
    picture = np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
    return picture[..., ::-1] if color == "bgr" else picture


def _linear(contract: Preprocessing, image: Array) -> Array:
    if image.dtype == np.uint8:
        table = _table(contract.scale, contract.offset, contract.dtype)
        if table.shape[1] == 1:
            return np.asarray(table[image, 0])
        return np.stack([table[image[..., c], c] for c in range(table.shape[1])], axis=-1)
    return _cast(contract.dtype, image.astype(np.float64) * np.asarray(contract.scale) + np.asarray(contract.offset))


@cache
def _table(scale: tuple[float, ...], offset: tuple[float, ...], dtype: str) -> Array:
    """What each of the 256 bytes becomes, a column for each channel: the same numbers as computed, sooner."""
    pixels = np.arange(256, dtype=np.float64)[:, None]
    return _cast(dtype, pixels * np.asarray(scale) + np.asarray(offset))


def _cast(dtype: str, values: NDArray[np.float64]) -> Array:
    if dtype == "uint8":
        return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
    return values.astype(np.float32)
