"""Whether the arrays of an ``.npz`` are pictures, or samples that are none: sensor readings, features, spectrograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError
from edge_opt.inputs.dataset.names import Split

Array = NDArray[Any]
Kind = Literal["picture", "array"]
Shape = tuple[int | None, ...]


def kind_of(arrays: Sequence[Array], taken: Shape | None) -> Kind:
    """What the arrays ``(n, …)`` hold, for a model that takes samples of the shape ``taken`` (None: not known).

    What has no shape of pictures is none, and what a model takes that has no input for pictures. Where both are
    possible, samples that fit the input as they are, and that no picture would be stored as, are arrays: numbers below
    0 or over 255, or floats between whole pixels without an axis for channels.
    """
    if not all(_shaped_like_pictures(array) for array in arrays):
        return "array"
    if taken is None:
        return "picture"
    if not _takes_pictures(taken):
        return "array"
    fits = all(_fits(array.shape[1:], taken) for array in arrays)
    return "array" if fits and any(_beyond_pixels(array) for array in arrays) else "picture"


def _shaped_like_pictures(array: Array) -> bool:
    if array.ndim == 4:
        return array.shape[-1] in (1, 3, 4) or array.shape[1] in (1, 3, 4)
    return array.ndim == 3


def _takes_pictures(taken: Shape) -> bool:
    return len(taken) == 2 or (len(taken) == 3 and (taken[0] in (1, 3, None) or taken[-1] in (1, 3, None)))


def _fits(sample: tuple[int, ...], taken: Shape) -> bool:
    """Whether the two shapes are the same but for axes of length one."""
    have, want = ([size for size in shape if size != 1] for shape in (sample, taken))
    return len(have) == len(want) and all(w in (None, h) for h, w in zip(have, want, strict=True))


def _beyond_pixels(array: Array) -> bool:
    if array.dtype.kind not in "if" or not array.size:
        return False
    low, high = float(np.nanmin(array)), float(np.nanmax(array))
    if low < 0 or high > 255:
        return True
    if array.dtype.kind == "i" or array.ndim == 4:
        return False
    steps = array.astype(np.float32) * np.float32(255 if high <= 1 else 1)
    return bool(np.nanmax(np.abs(steps - np.rint(steps))) >= 1e-3)


def plain(path: Path, arrays: Mapping[Split, tuple[str, Array]]) -> dict[Split, Array]:
    """The samples of every split as they are stored, any numbers ``(n, …)``; float64 becomes float32.

    Raises DataError for what is no number, for NaN with its place, and where the splits differ in shape.
    """
    found: dict[Split, Array] = {}
    for split, (name, array) in arrays.items():
        if array.dtype.kind not in "buif":
            raise DataError(f"'{path}': '{name}' is of type '{array.dtype}', which is no number", "store plain numbers")
        if array.ndim < 2 or 0 in array.shape:
            raise DataError(
                f"'{path}': '{name}' has the shape {array.shape}, which is no list of samples",
                "store (n, …), one sample after the other, as (n, 49, 10)",
            )
        first = next(iter(arrays.values()))[1]
        if array.shape[1:] != first.shape[1:]:
            raise DataError(
                f"'{path}': the samples of '{name}' have the shape {array.shape[1:]}, those before {first.shape[1:]}",
                "store all splits alike",
            )
        _refuse_nan(path, name, array)
        found[split] = array.astype(np.float32) if array.dtype.kind in "bf" else array
    return found


def _refuse_nan(path: Path, name: str, array: Array) -> None:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    bad = ~np.isfinite(array)
    place = ", ".join(str(int(index)) for index in np.argwhere(bad)[0])
    count = int(bad.reshape(len(array), -1).any(axis=1).sum())
    raise DataError(
        f"'{path}': '{name}' holds NaN or infinite values in {count} of {len(array)} samples, first at {name}[{place}]",
        "correct or remove these samples",
    )
