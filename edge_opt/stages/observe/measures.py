"""Chunks of samples → the numbers that are known of each: what it looks like, and how far it is from what is usual."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from edge_opt.types import Contract, Preprocessing

Floats = NDArray[np.float32]

THUMBNAIL = 16  # its side, in pixels
MOST_MARKS = 256
MOST_COLUMNS = 32  # places of the last axis that are looked at one by one
_WEIGHTS = {"gray": (1.0,), "rgb": (0.299, 0.587, 0.114), "bgr": (0.114, 0.587, 0.299)}  # ITU-R BT.601
_TAIL = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Usual:
    """The median and the spread of the values, for each place of the last axis where it has few, else of all."""

    medians: Floats
    spreads: Floats


def usual(values: Floats) -> Usual:
    """What is usual in ``values`` ``(n, …)``: the deviation is that of the middle 90 %, so that no extreme widens it.

    Where these are all the same, as in a column that is nearly always zero, it is the deviation of everything.
    """
    columns = _columns(values)
    low, middle, high = np.quantile(columns, [_TAIL, 0.5, 1 - _TAIL], axis=0)
    spreads = np.clip(columns, low, high).std(axis=0)
    spreads = np.where(spreads > 0, spreads, columns.std(axis=0))
    return Usual(medians=middle.astype(np.float32), spreads=np.where(spreads > 0, spreads, 1).astype(np.float32))


def peaks(values: Floats, reference: Usual) -> Floats:
    """How far the farthest value of every sample is from what is usual, in its spreads."""
    return np.asarray(np.abs(_standard(values, reference)).reshape(len(values), -1).max(axis=1), np.float32)


def of_arrays(values: Floats, contract: Contract, reference: Usual) -> dict[str, Floats]:
    """The marks and the features of samples that are no pictures: mean and deviation, in all and column by column."""
    flat = values.reshape(len(values), -1)
    standard = _standard(values, reference).reshape(len(values), -1)
    found = {"marks": standard if standard.shape[1] <= MOST_MARKS else standard @ _projection(standard.shape[1])}
    if flat.shape[1] > 1:
        found |= {"mean": flat.mean(axis=1), "deviation": flat.std(axis=1)}
    if values.shape[-1] <= MOST_COLUMNS:
        series = values.reshape(len(values), -1, values.shape[-1])
        for column in range(values.shape[-1]):
            found[f"x[{column}]"] = series[:, :, column].mean(axis=1)
            if series.shape[1] > 1:
                found[f"σ[{column}]"] = series[:, :, column].std(axis=1)
    return found


def of_pictures(values: Floats, contract: Contract, reference: Usual) -> dict[str, Floats]:
    """The marks and the features of pictures ``(n, h, w, c)`` in 0..255, of the size that the model takes.

    ``sharpness`` is the variance of the Laplacian as a share of that of the picture, so that a picture of little
    contrast does not count as blurred. ``darkest`` and ``brightest`` are the percentiles 1 and 99 of the grey values,
    ``burnt`` is the share of pixels at the top of the range.
    """
    assert isinstance(contract, Preprocessing)
    gray = np.asarray(values @ np.asarray(_WEIGHTS[contract.color], np.float32), np.float32)
    flat = gray.reshape(len(gray), -1)
    darkest, brightest = np.quantile(flat, [0.01, 0.99], axis=1)
    contrast = flat.std(axis=1)
    found = {
        "marks": thumbnails(gray).reshape(len(gray), -1),
        "brightness": flat.mean(axis=1),
        "contrast": contrast,
        "sharpness": _laplacian(gray).reshape(len(gray), -1).var(axis=1) / np.maximum(contrast**2, 1),
        "darkest": darkest.astype(np.float32),
        "brightest": brightest.astype(np.float32),
        "burnt": (flat >= 250).mean(axis=1, dtype=np.float32),
    }
    if values.shape[-1] == 3:
        found["saturation"] = (values.max(axis=-1) - values.min(axis=-1)).reshape(len(values), -1).mean(axis=1)
    return found


def thumbnails(gray: Floats, side: int = THUMBNAIL) -> Floats:
    """Pictures ``(n, h, w)`` shrunk to ``(n, side, side)``, each pixel the mean of the area that it stands for."""
    height, width = gray.shape[1:]
    return np.asarray(_areas(height, side) @ gray @ _areas(width, side).T, np.float32)


@cache
def _areas(length: int, side: int) -> Floats:
    """What share of each of ``side`` equal parts of an axis each of its ``length`` pixels is, ``(side, length)``."""
    edges = np.arange(side + 1) * length / side
    pixels = np.arange(length)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.maximum(covered, 0) * side / length, np.float32)


def _laplacian(gray: Floats) -> Floats:
    if min(gray.shape[1:]) < 3:
        return np.zeros((len(gray), 1, 1), np.float32)
    middle = gray[:, 1:-1, 1:-1]
    around = gray[:, :-2, 1:-1] + gray[:, 2:, 1:-1] + gray[:, 1:-1, :-2] + gray[:, 1:-1, 2:]
    return np.asarray(around - 4 * middle, np.float32)


def _columns(values: Floats) -> Floats:
    few = 1 < values.shape[-1] <= MOST_COLUMNS
    return values.reshape(-1, values.shape[-1]) if few else values.reshape(-1, 1)


def _standard(values: Floats, reference: Usual) -> Floats:
    return np.asarray((values - reference.medians) / reference.spreads, np.float32)


@cache
def _projection(length: int) -> Floats:
    """A random projection, which keeps distances nearly. Source: Johnson and Lindenstrauss (1984)."""
    drawn = np.random.default_rng(0).standard_normal((length, MOST_MARKS), dtype=np.float32)
    return np.asarray(drawn / np.sqrt(MOST_MARKS), np.float32)
