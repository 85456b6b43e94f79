"""The samples of a lesson: opened, checked, and given out in batches, changed where that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError
from edge_opt.types import Lesson

Augmentation = tuple[Literal["shift", "flip", "light"], ...]

_SHIFT = 14  # the largest is one of that many parts of the height, and of the width
_CHANGES = 7  # of one picture: rows, columns, mirrored, contrast, brightness, noise, and what the noise is drawn from
_LIT = 0.25  # of all pictures are seen in another light
_CONTRAST = (-70, 10)  # percent
_BRIGHTNESS, _NOISE = 100, 100  # thousandths of the range of all values
_RANGED = 512  # samples by which that range is known


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The arrays of a lesson; the inputs stay on the disk and may be larger than memory."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64] | None
    selection: NDArray[np.float32]
    selection_labels: NDArray[np.int64]
    picture: tuple[int, int] | None

    def batch(self, places: NDArray[np.int64], moves: NDArray[np.int16]) -> NDArray[np.float32]:
        """The samples at ``places`` ``(b,)``, changed by ``moves`` ``(b, 7)``, as :meth:`moves` draws them."""
        taken = self.inputs[places]
        if self.picture is None or not moves.any():
            return taken
        shifted = moved(taken, self.picture, moves)
        return lit(shifted, self.picture, moves, self.span) if moves[:, 3:].any() else shifted

    @cached_property
    def span(self) -> tuple[float, float]:
        """The least and the largest value of the inputs, by some of them."""
        some = self.inputs[:_RANGED]
        return float(some.min()), float(some.max())

    def moves(self, augmentation: Augmentation, rng: np.random.Generator) -> NDArray[np.int16]:
        """How each training sample is changed in one epoch: ``(n, 7)``, all 0 without augmentation.

        In this order: rows and columns that it is moved by, 1 where it is mirrored, percent of contrast more,
        thousandths of brightness more and of noise, and what that is drawn from.
        """
        found = np.zeros((len(self.inputs), _CHANGES), np.int16)
        if self.picture is None:
            return found
        for column, axis in enumerate(self.picture):
            if "shift" in augmentation:
                most = max(1, round(self.inputs.shape[axis] / _SHIFT))
                found[:, column] = rng.integers(-most, most + 1, len(found))
        if "flip" in augmentation:
            found[:, 2] = rng.integers(0, 2, len(found))
        if "light" in augmentation:
            chosen = np.flatnonzero(rng.random(len(found)) < _LIT)
            found[chosen, 3] = rng.integers(_CONTRAST[0], _CONTRAST[1] + 1, len(chosen))
            found[chosen, 4] = rng.integers(-_BRIGHTNESS, _BRIGHTNESS + 1, len(chosen))
            found[chosen, 5] = rng.integers(0, _NOISE + 1, len(chosen))
            found[chosen, 6] = rng.integers(0, np.iinfo(np.int16).max, len(chosen))
        return found


def opened(lesson: Lesson, classes: int) -> Samples:
    """The samples of ``lesson`` for a network of so many classes.

    Raises DataError where there are none, where they do not fit together, or where all labels are the same.
    """
    inputs, selection = _array(lesson.inputs, mmap=True), _array(lesson.selection, mmap=True)
    labels = None if lesson.labels is None else _labels(lesson.labels, inputs, classes, several=True)
    if selection.shape[1:] != inputs.shape[1:]:
        raise DataError(
            f"training samples are of shape {inputs.shape[1:]}, those of the selection split of {selection.shape[1:]}",
            "prepare both with the same preprocessing",
        )
    return Samples(
        inputs=inputs,
        labels=labels,
        selection=selection,
        selection_labels=_labels(lesson.selection_labels, selection, classes, several=False),
        picture=lesson.picture,
    )


def moved(pictures: NDArray[np.float32], axes: tuple[int, int], moves: NDArray[np.int16]) -> NDArray[np.float32]:
    """``pictures`` ``(n, …)`` moved by the first three of ``moves`` ``(n, 7)``; what comes in at an edge repeats it.

    ``axes`` are those of height and width, the batch axis counted: ``(1, 2)`` or ``(2, 3)``.
    """
    if axes == (2, 3):
        return np.ascontiguousarray(np.moveaxis(moved(np.moveaxis(pictures, 1, -1), (1, 2), moves), -1, 1))
    height, width = pictures.shape[1:3]
    rows = np.clip(np.arange(height) - moves[:, :1], 0, height - 1)
    columns = np.clip(np.arange(width) - moves[:, 1:2], 0, width - 1)
    columns = np.where(moves[:, 2:3] == 1, width - 1 - columns, columns)
    found: NDArray[np.float32] = pictures[
        np.arange(len(pictures))[:, None, None], rows[:, :, None], columns[:, None, :]
    ]
    return found


def lit(
    pictures: NDArray[np.float32], axes: tuple[int, int], moves: NDArray[np.int16], span: tuple[float, float]
) -> NDArray[np.float32]:
    """``pictures`` ``(n, …)`` in the light of ``moves`` ``(n, 7)``, within ``span``; contrast is about their mean."""
    low, high = span
    found = pictures.copy()
    chosen = np.flatnonzero(moves[:, 3:].any(axis=1))
    some, change = found[chosen], moves[chosen].astype(np.float32).reshape(-1, _CHANGES, *[1] * (pictures.ndim - 1))
    mean = some.mean(axis=axes, keepdims=True)
    some = mean + (some - mean) * (1 + change[:, 3] / 100) + change[:, 4] / 1000 * (high - low)
    noise = np.random.default_rng(moves[chosen, 6].tolist()).standard_normal(some.shape, np.float32)
    found[chosen] = np.clip(some + noise * change[:, 5] / 1000 * (high - low), low, high)
    return found


def _array(path: Path, *, mmap: bool = False) -> NDArray[np.float32]:
    try:
        found: NDArray[np.float32] = np.load(path, mmap_mode="r" if mmap else None)
    except (OSError, ValueError) as error:
        raise DataError(f"'{path.name}' cannot be read: {error}", "give an .npy file of numbers") from error
    if not len(found):
        raise DataError(f"there are no samples in '{path.name}'", "give data with a training and a selection split")
    return found


def _labels(path: Path, inputs: NDArray[np.float32], classes: int, *, several: bool) -> NDArray[np.int64]:
    labels = _array(path).astype(np.int64)
    if labels.shape != (len(inputs),):
        raise DataError(
            f"'{path.name}' holds labels of shape {labels.shape} for {len(inputs)} samples", "give one label a sample"
        )
    if labels.min() < 0 or labels.max() >= classes:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise DataError(
            f"'{path.name}' holds the label '{wrong}', and the network answers with {classes} classes",
            "number the classes from 0, as the network does",
        )
    if several and labels.min() == labels.max():
        raise DataError(
            f"all {len(labels)} training samples are of class '{labels[0]}': nothing can be learned from them",
            "give training samples of every class",
        )
    return labels
