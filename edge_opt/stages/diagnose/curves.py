"""Learning curves → the numbers that tell how a training went, robust against single odd epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Curve = Sequence[float]
_TINY = 1e-12  # losses are compared by their ratio: one of zero is as good as this


def smoothed(curve: Curve) -> list[float]:
    """Running medians of three, the ends as they are. Source: Tukey (1977), Exploratory Data Analysis, chapter 7."""
    inner = [sorted(curve[place - 1 : place + 2])[1] for place in range(1, len(curve) - 1)]
    return [curve[0], *inner, curve[-1]] if len(curve) > 1 else list(curve)


def end(curve: Curve) -> float:
    """The level at which ``curve`` ends: the median of the last three epochs, or the last one of a short training."""
    return float(np.median(curve[-3:])) if len(curve) >= 6 else curve[-1]


def best(curve: Curve) -> int:
    """The epoch, counted from 1, with the lowest loss of those around which the smoothed loss is lowest."""
    even = smoothed(curve)
    around = {near for place, value in enumerate(even) if value == min(even) for near in range(place - 1, place + 2)}
    return min(around & set(range(len(curve))), key=lambda place: (curve[place], place)) + 1


def rise(curve: Curve) -> float:
    """By what share a loss ends above its lowest level: 0.5 is half as much again."""
    lowest = min(smoothed(curve))
    return max(0.0, (end(curve) - lowest) / max(lowest, _TINY))


def noise(curve: Curve) -> float:
    """The standard deviation of the up and down around the trend, without the first third, where the trend bends.

    From second differences, which a straight trend does not enter. Source: Gasser, Sroka and Jennen-Steinmetz (1986),
    Biometrika 73:625-633; mean squares and not medians, since a jump now and then is what is looked for.
    """
    late = np.asarray(curve[len(curve) // 3 :], np.float64)
    if late.size < 3:
        return 0.0
    return float(np.sqrt(np.mean(np.diff(late, 2) ** 2) / 6))


def relative_noise(curve: Curve) -> float:
    """The same as a share of the level."""
    return noise(_logarithms(curve).tolist())


def gained_late(curve: Curve) -> float:
    """By how much, in logarithms, a loss fell in the second half of the training."""
    logarithms = _logarithms(curve).tolist()
    return smoothed(logarithms)[(len(curve) - 1) // 2] - end(logarithms)


def falling_share(curve: Curve) -> float:
    """What share of the whole fall of a loss came in the last third of the epochs: 1/3 of a straight line.

    A loss that falls as epochs to the power of -½, as many do, has 0.10 after ten epochs and 0.18 after five. A fall
    that noise alone would give is 0, as is one that ended with the last third.
    """
    last = max(1, len(curve) // 3)
    fall = curve[0] - curve[-1]
    late = curve[-1 - last] - curve[-1] if len(curve) > last else 0.0
    if fall <= 0 or late <= 3 * noise(curve) or slope(curve[-1 - last :]) >= 0:
        return 0.0
    return late / fall


def promised(curve: Curve) -> float:
    """The share by which a loss would fall if the training went on for as long again, along a power of the epochs."""
    last = max(1, len(curve) // 3)
    epochs = len(curve)
    power = math.log(max(curve[-1 - last], _TINY) / max(curve[-1], _TINY)) / math.log(epochs / (epochs - last))
    return 1 - 2 ** -max(0.0, power)


def slope(curve: Curve) -> float:
    """The change an epoch: the median over all pairs. Source: Theil (1950) and Sen (1968), JASA 63:1379-1389."""
    pairs = combinations(enumerate(curve), 2)
    return float(np.median([(later - sooner) / (j - i) for (i, sooner), (j, later) in pairs]))


def _logarithms(curve: Curve) -> NDArray[np.float64]:
    return np.log(np.maximum(np.asarray(curve, np.float64), _TINY))
