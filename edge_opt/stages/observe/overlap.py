"""Two splits → how many samples of the later one are in the earlier one too, exactly or nearly: leakage.

Two samples are *nearly* the same where they are far nearer to each other than to anything else around them: at less
than 0.3 of the distance from the one to the fifth nearest of the other split. Clothes that look alike have many such
neighbours at about equal distances; a copy has one. So the rule needs no threshold for what "similar" means in a data
set. Pictures are compared by grey thumbnails of 16 x 16, without their brightness and contrast, and turned so that a
mirror image is the same: what was saved again, brightened or mirrored is found; what was shifted, cropped or rotated is
not. What is left of chance, the samples of the earlier split show among themselves: it is ``expected``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_opt.inputs.dataset import Samples, copies
from edge_opt.stages.observe.looks import Looks
from edge_opt.stages.observe.measures import THUMBNAIL
from edge_opt.types import Overlap

NEAR_SHARE = 0.3  # of the distance to the fifth nearest
NEAR_PICTURES = 0.03  # of thumbnails of length 1: nearer than JPEG at a usual quality moves them
_NEIGHBOURS = 5
_MOST_COMPARED = 3_000  # samples of the earlier split that say what is chance
_AT_ONCE = 20_000_000  # distances in memory

Floats = NDArray[np.float32]


def between(
    later: Looks, earlier: Looks, whole: Samples, names: tuple[str, str], seed: int, *, pictures: bool
) -> Overlap:
    """How many of the samples of ``later`` are in the earlier split too; ``names`` are those of the two splits.

    Exact copies are looked for in all of it, ``whole``, and near ones among those samples of it that were looked at.
    """
    same = dict(copies(later.samples, whole))
    first, second = (prepared(each.marks, pictures) for each in (later, earlier))
    others = np.asarray([i for i in range(len(later)) if i not in same], np.int64)
    once = _distinct(earlier)
    near = others[_near(first[others], second[once], pictures)]
    some = np.random.default_rng(seed).permutation(len(once))[:_MOST_COMPARED]
    chance = _near(second[once[some]], second[once], pictures, own=some)
    twice = 0.0 if pictures else 1 - len(set(whole.hashes())) / len(whole)
    shown = [*sorted(same), *near.tolist()]
    return Overlap(
        later=names[0],
        earlier=names[1],
        samples=len(later),
        exact=len(same),
        near=len(near),
        expected=float(chance.mean()) * len(others) + twice * len(later) if len(some) else 0.0,
        examples=tuple(later.samples.name(i) for i in shown[:5]),
    )


def prepared(marks: Floats, pictures: bool) -> Floats:
    """``marks`` ready to be compared: of pictures without brightness, contrast and handedness."""
    if not pictures:
        return marks
    squares = marks.reshape(len(marks), THUMBNAIL, THUMBNAIL)
    places = np.arange(THUMBNAIL) - (THUMBNAIL - 1) / 2
    weights = np.abs(squares - squares.mean(axis=(1, 2), keepdims=True)).sum(axis=1)
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
    around = places - (weights @ places)[:, None]
    leaning = (weights * around**3).sum(axis=1) < 0
    turned = np.where(leaning[:, None, None], squares[:, :, ::-1], squares).reshape(len(marks), -1)
    turned = turned - turned.mean(axis=1, keepdims=True)
    return np.asarray(turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-6), np.float32)


def _distinct(looks: Looks) -> NDArray[np.int64]:
    """The samples without what is exactly there before: repeating some on purpose is no sign of likeness."""
    return np.asarray(sorted({each: i for i, each in reversed(list(enumerate(looks.samples.hashes())))}.values()))


def _near(marks: Floats, others: Floats, pictures: bool, own: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
    """Whether each of ``marks`` has a near one in ``others``, where ``own[i]`` is itself and does not count."""
    there = len(others) - (own is not None)
    if not len(marks) or there < 1:
        return np.zeros(len(marks), bool)
    last = min(_NEIGHBOURS, there) - 1
    lengths = np.square(others).sum(axis=1)
    found = []
    step = max(1, _AT_ONCE // len(others))
    for start in range(0, len(marks), step):
        some = marks[start : start + step]
        squared = lengths - 2 * (some @ others.T) + np.square(some).sum(axis=1)[:, None]
        if own is not None:
            squared[np.arange(len(some)), own[start : start + step]] = np.inf
        nearest = np.sqrt(np.maximum(np.partition(squared, sorted({0, last}), axis=1)[:, [0, last]], 0))
        one, far = nearest[:, 0], nearest[:, 1]
        close = one < NEAR_SHARE * far if last else np.zeros(len(some), bool)
        found.append(close | (one < NEAR_PICTURES) if pictures else close)
    return np.concatenate(found)
