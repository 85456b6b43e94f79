"""How well founded a model's confidence is: of the answers that it is 80 % sure of, 80 % should be right.

Two estimates, numpy and the standard library only: the calibration error of one model, and how much larger it is for
another one on the same samples.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_opt.types import Interval

BINS = 15
_LEAST_IN_A_BIN = 20
_MOST_COARSE, _LEAST_IN_A_COARSE = 5, 100
_RESAMPLES = 400

_Floats = NDArray[np.float64]


def calibration_error(scores: ArrayLike, confidences: ArrayLike) -> float:
    """The mean distance between confidence and accuracy, over up to 15 bins of equally many samples, less its bias.

    ``scores[i]`` is 1 where answer ``i`` is right, ``confidences[i]`` how sure of it the model was. The plain mean is
    above zero also for a model that is perfectly calibrated, as no bin hits its confidence exactly: what a distance of
    that size is expected to gain from chance is subtracted, and what remains below zero is zero. That takes about two
    fifths of what chance adds to a perfect model, and nearly all of it from an error of some points. Raises ValueError
    where there are no samples, or not as many confidences.

    Source: Guo et al. (2017), *On Calibration of Modern Neural Networks*, for the error; Nixon et al. (2019),
    *Measuring Calibration in Deep Learning*, for bins of equal mass; Kumar et al. (2019), *Verified Uncertainty
    Calibration*, for the bias by the normal approximation, here in closed form.
    """
    right, sure = _paired(scores, confidences)
    order = _order(sure)
    return _error(right[order], sure[order])


def rise_interval(
    before: tuple[ArrayLike, ArrayLike],
    after: tuple[ArrayLike, ArrayLike],
    *,
    confidence: float = 0.90,
    seed: int = 0,
) -> Interval:
    """How much larger the calibration error became: both are scores and confidences on the same samples, in order.

    The estimate is the difference of the two errors. Where the first model is well calibrated that is too low, as
    chance adds more to a small error than to a large one, and no bootstrap sees it. So the upper bound is that of
    something that is no smaller there: the mean distance by which confidence and accuracy moved apart or together, in
    up to 5 bins of equally confident samples. Being paired, it is precise; a model that became better calibrated by as
    much is not told from one that became worse. The lower bound is the normal one of a paired bootstrap.
    Source: Efron and Tibshirani (1993), section 12.2, for the latter.
    """
    first, second = _paired(*before), _paired(*after)
    count = len(first[0])
    if len(second[0]) != count:
        raise ValueError(f"{count} samples cannot be paired with {len(second[0])}")
    orders = [_order(sure) for _, sure in (first, second)]
    ranks = [np.argsort(order) for order in orders]
    sorted_pairs = [(right[order], sure[order]) for (right, sure), order in zip((first, second), orders, strict=True)]
    rng = np.random.default_rng(seed)
    rises = np.empty(_RESAMPLES)
    for index in range(_RESAMPLES):
        drawn = rng.integers(count, size=count)
        places = [np.sort(rank[drawn]) for rank in ranks]
        old, new = (_error(right[at], sure[at]) for (right, sure), at in zip(sorted_pairs, places, strict=True))
        rises[index] = new - old
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    estimate = calibration_error(*after) - calibration_error(*before)
    return Interval(
        low=max(estimate - z * float(rises.std(ddof=1)), -1.0),
        estimate=estimate,
        high=min(max(_moved(first, second, orders[0], z), estimate), 1.0),
        confidence=confidence,
    )


def _moved(
    before: tuple[_Floats, _Floats], after: tuple[_Floats, _Floats], order: NDArray[np.int64], z: float
) -> float:
    """The upper bound of how far the distances between confidence and accuracy moved, on average over the bins.

    Each is a paired mean, its standard error no less than where z² of the samples changed; a distance varies no more
    than what it is the distance of. What chance adds to it stays in: the bound is on the careful side.
    """
    moved = ((after[1] - after[0]) - (before[1] - before[0]))[order]
    starts, sizes = _bins(moved.size, _MOST_COARSE, _LEAST_IN_A_COARSE)
    means = np.add.reduceat(moved, starts) / sizes
    squares = np.maximum(np.add.reduceat(np.square(moved), starts) - sizes * np.square(means), z * z / len(sizes))
    errors = np.sqrt(squares) / sizes
    return float(sizes @ np.abs(means) + z * np.sqrt(np.square(sizes * errors).sum())) / moved.size


def _paired(scores: ArrayLike, confidences: ArrayLike) -> tuple[_Floats, _Floats]:
    right, sure = (np.asarray(values, dtype=np.float64) for values in (scores, confidences))
    if right.size == 0 or right.shape != sure.shape:
        raise ValueError(f"{right.size} scores and {sure.size} confidences are no pairs")
    return right, sure


def _order(sure: _Floats) -> NDArray[np.int64]:
    """From the least to the most sure; those that are equally sure at random, not in the order of their classes."""
    shuffled = np.random.default_rng(0).permutation(sure.size)
    return shuffled[np.argsort(sure[shuffled], kind="stable")]


def _error(right: _Floats, sure: _Floats) -> float:
    """The error of samples that are sorted by confidence."""
    starts, sizes = _bins(right.size, BINS, _LEAST_IN_A_BIN)
    accuracies = np.add.reduceat(right, starts) / sizes
    gaps = np.abs(np.add.reduceat(sure, starts) / sizes - accuracies)
    return max(0.0, _less_chance(gaps, np.sqrt(accuracies * (1 - accuracies) / sizes), sizes))


def _bins(count: int, most: int, least: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where up to ``most`` bins of at least ``least`` samples begin, and how many samples each has."""
    starts = np.linspace(0, count, max(1, min(most, count // least)), endpoint=False).astype(np.int64)
    return starts, np.diff(starts, append=count)


def _less_chance(distances: _Floats, errors: _Floats, sizes: NDArray[np.int64]) -> float:
    """The mean of ``distances``, weighted by ``sizes``, less what normal errors add to distances of that size."""
    expected = [_folded(one, error) for one, error in zip(distances.tolist(), errors.tolist(), strict=True)]
    return float(sizes @ (2 * distances - expected)) / int(sizes.sum())


def _folded(distance: float, error: float) -> float:
    """The mean of ``|x|`` for a normal x around ``distance``."""
    if error == 0:
        return distance
    scaled = distance / error
    return error * math.sqrt(2 / math.pi) * math.exp(-scaled * scaled / 2) + distance * math.erf(scaled / math.sqrt(2))
