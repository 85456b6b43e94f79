"""Deciding while the evidence comes in, without erring more often for having looked more often.

A *group-sequential* test looks at the data after every few observations and stops as soon as its boundary is crossed.
The boundary is that of Lan and DeMets: how much of the error rate may have been spent at each look is a function of how
many observations there are, so looks may come at any time. Numpy and the standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from edge_opt.types import Interval

CONFIDENCE = 0.95
_GRID = 4001  # points of the density of a sum, from -_FAR to _FAR standard deviations of the first look
_FAR = 8.0
_NORMAL = NormalDist()

_Floats = NDArray[np.float64]


def spent_by(fraction: float, alpha: float) -> float:
    """How much of ``alpha`` may be spent when ``fraction`` of all observations are there: nearly evenly, so early.

    Source: Lan and DeMets (1983), Biometrika 70:659-663, the function that comes close to Pocock's boundary.
    """
    return alpha * math.log(1 + (math.e - 1) * min(fraction, 1.0))


def boundary(fractions: Sequence[float], alpha: float = 1 - CONFIDENCE) -> tuple[float, ...]:
    """The critical value of the standardised mean at each look, two-sided, where ``fractions`` of all are there.

    Raises ValueError where these do not rise within 0..1. Source: Armitage, McPherson and Rowe (1969), JRSS A
    132:235-244, for the recursion over the density of the sum; here on an even grid.
    """
    return _boundary(tuple(fractions), alpha)


@cache
def _boundary(fractions: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    if not fractions or not all(a < b for a, b in zip((0.0, *fractions), (*fractions, 1.0 + 1e-9), strict=True)):
        raise ValueError(f"looks must come later and later, within 0..1: {fractions}")
    reach = _FAR * math.sqrt(fractions[-1])
    grid = np.linspace(-reach, reach, _GRID)
    step = grid[1] - grid[0]
    density, before, spent, found = np.zeros(_GRID), 0.0, 0.0, []
    for fraction in fractions:
        spread = math.sqrt(fraction - before)
        if before == 0.0:
            density = _normal(grid, spread)
        else:  # what has not crossed yet, and one more step of the sum
            density = np.convolve(density, _normal(grid, spread), mode="same") * step
        allowed = (spent_by(fraction, alpha) - spent) / 2  # on either side
        tail = np.cumsum(density[::-1])[::-1] * step - density * step / 2
        edge = float(np.interp(-math.log(allowed), -np.log(np.maximum(tail, 1e-300)), grid)) if allowed > 0 else reach
        found.append(edge / math.sqrt(fraction))
        density = np.where(np.abs(grid) < edge, density, 0.0)
        spent, before = spent_by(fraction, alpha), fraction
    return tuple(found)


def _normal(grid: _Floats, spread: float) -> _Floats:
    return np.asarray(np.exp(-np.square(grid / spread) / 2) / (spread * math.sqrt(2 * math.pi)), np.float64)


def repeated_interval(values: Sequence[float], critical: float, confidence: float = CONFIDENCE) -> Interval:
    """The mean of ``values`` with its repeated confidence interval: it holds at all looks together.

    ``critical`` is the boundary at this look, for a known variance; the variance is not, so the value of Student's t
    with the same tail takes its place. Raises ValueError for fewer than two values.
    Source: Jennison and Turnbull (1989), JRSS B 51:305-361, for the interval; (2000), *Group Sequential Methods*,
    section 4.4, for the use of t.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size < 2 or not np.isfinite(data).all():
        raise ValueError("an interval needs two finite values or more")
    mean = float(data.mean())
    half = student_quantile(tail(critical), data.size - 1) * float(data.std(ddof=1)) / math.sqrt(data.size)
    return Interval(low=mean - half, estimate=mean, high=mean + half, confidence=confidence)


def tail(critical: float) -> float:
    """The probability that a standard normal variable stays below ``critical``."""
    return _NORMAL.cdf(critical)


@cache
def student_quantile(probability: float, degrees: int) -> float:
    """The value that Student's t with ``degrees`` of freedom stays below with ``probability``, 0.5..1.

    Source: by bisection of the distribution function in closed form, Abramowitz and Stegun (1972), 26.7.3 and 26.7.4.
    """
    if not 0.5 <= probability < 1 or degrees < 1:
        raise ValueError(f"there is no quantile of {probability} of t with {degrees} degrees of freedom")
    low, high = 0.0, 1.0
    while _student(high, degrees) < probability:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _student(middle, degrees) < probability else (low, middle)
    return (low + high) / 2


def _student(t: float, degrees: int) -> float:
    """The probability of less than ``t``, which is not negative."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = degrees % 2 == 1
    term, total = (cosine, cosine) if odd else (1.0, 1.0)
    for k in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    if not odd:
        return 0.5 + sine * total / 2
    return 0.5 + (angle + (sine * total if degrees > 1 else 0.0)) / math.pi
