"""Pictures as people store them in arrays → ``(n, h, w, c)``, uint8 or float32, in 0..255, with c = 1 or 3."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError
from edge_opt.inputs.dataset.names import Split
from edge_opt.inputs.dataset.pictures import on_white
from edge_opt.types import Finding

Array = NDArray[Any]
_RAW = (
    "store the pixels as they were, 0..255 or 0..1: what is done to them later belongs in the preprocessing contract; "
    "for samples that are no pictures, 'edge-opt init DATA MODEL' writes another one"
)


def normalised(path: Path, arrays: Mapping[Split, tuple[str, Array]], findings: list[Finding]) -> dict[Split, Array]:
    """The pictures of every split, ``(n, h, w, c)`` in 0..255; what was done to them is appended to ``findings``.

    One factor serves all splits: 255 where no value is over 1 in floats, 1/257 for 16 bits. Floats that are whole
    numbers then become uint8. Raises DataError for NaN, values out of range and shapes that are no pictures.
    """
    shaped = {split: _shaped(path, name, array, findings) for split, (name, array) in arrays.items()}
    named = {split: name for split, (name, _) in arrays.items()}
    floats = {split for split, array in shaped.items() if array.dtype.kind == "f"}
    if floats and len(floats) < len(shaped):
        other = next(split for split in shaped if split not in floats)
        some = next(iter(floats))
        raise DataError(
            f"'{path}': '{named[some]}' holds floats and '{named[other]}' whole numbers, so their ranges may differ",
            "store all splits in the same type",
        )
    ranges = {split: _range(path, named[split], array) for split, array in shaped.items()}
    if floats:
        pixels = _from_floats(path, shaped, ranges, findings)
    else:
        pixels = _from_integers(path, shaped, ranges, findings)
    return {split: on_white(array) if array.shape[-1] == 4 else array for split, array in pixels.items()}


def _shaped(path: Path, name: str, array: Array, findings: list[Finding]) -> Array:
    if array.dtype.kind not in "buif":
        raise DataError(f"'{path}': '{name}' is of type '{array.dtype}', which is no picture", _RAW)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim == 4 and array.shape[-1] not in (1, 3, 4) and array.shape[1] in (1, 3, 4):
        findings.append(_converted(f"'{name}' has its channels first, {array.shape}: they were moved to the end"))
        array = np.moveaxis(array, 1, -1)
    if array.ndim != 4 or array.shape[-1] not in (1, 3, 4) or 0 in array.shape:
        raise DataError(
            f"'{path}': '{name}' has the shape {array.shape}, which is no list of pictures",
            "store (n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels",
        )
    return array


def _range(path: Path, name: str, array: Array) -> tuple[float, float]:
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        raise DataError(
            f"'{path}': '{name}' holds NaN or infinite pixels in {int(bad.sum())} of {len(array)} pictures, "
            f"the first is number {int(np.argmax(bad))}",
            "correct or remove these pictures",
        )
    return low, high


def _from_floats(
    path: Path, arrays: Mapping[Split, Array], ranges: Mapping[Split, tuple[float, float]], findings: list[Finding]
) -> dict[Split, Array]:
    low, high = min(low for low, _ in ranges.values()), max(high for _, high in ranges.values())
    if low < 0 or high > 255:
        raise DataError(f"'{path}' holds float pixels from {low:g} to {high:g}, outside of 0..1 and 0..255", _RAW)
    unit = {split: top <= 1 for split, (_, top) in ranges.items()}
    if len(set(unit.values())) > 1:
        raise DataError(
            f"'{path}' holds pixels in 0..1 in one split and in 0..255 in another", "store all splits alike"
        )
    factor = 255.0 if high <= 1 else 1.0
    if factor > 1:
        findings.append(_converted(f"the float pixels lie in {low:g}..{high:g}: they were multiplied by 255"))
    scaled = {split: array.astype(np.float32) * np.float32(factor) for split, array in arrays.items()}
    if all(float(np.abs(array - np.rint(array)).max()) < 1e-3 for array in scaled.values()):
        return {split: np.rint(array).astype(np.uint8) for split, array in scaled.items()}
    if any(array.shape[-1] == 4 for array in scaled.values()):
        raise DataError(
            f"'{path}' holds float pictures with alpha, at values between whole pixels", "store them as uint8"
        )
    return scaled


def _from_integers(
    path: Path, arrays: Mapping[Split, Array], ranges: Mapping[Split, tuple[float, float]], findings: list[Finding]
) -> dict[Split, Array]:
    low, high = min(low for low, _ in ranges.values()), max(high for _, high in ranges.values())
    if all(array.dtype == np.bool_ for array in arrays.values()):
        findings.append(_converted("the pixels are true and false: they became 255 and 0"))
        return {split: array.astype(np.uint8) * np.uint8(255) for split, array in arrays.items()}
    if high > 255 and all(array.dtype == np.uint16 for array in arrays.values()):
        findings.append(_converted("the pixels have 16 bits: the high byte of each was kept"))
        return {split: (array >> 8).astype(np.uint8) for split, array in arrays.items()}
    if low < 0 or high > 255:
        raise DataError(f"'{path}' holds pixels from {low:g} to {high:g}, outside of 0..255", _RAW)
    if high == 1:
        findings.append(_converted("no pixel is over 1, in whole numbers: taken as they are, nearly black", "warning"))
    return {split: array.astype(np.uint8) for split, array in arrays.items()}


def _converted(message: str, level: str = "info") -> Finding:
    return Finding(
        code="EO105",
        level="warning" if level == "warning" else "info",
        message=message,
        hint="the preprocessing contract starts from pixels in 0..255",
    )
