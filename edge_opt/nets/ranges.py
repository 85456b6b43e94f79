"""From the activations that calibration saw, tensor by tensor, the ranges that a quantizer spreads its levels over.

Everything is read once and not kept: each tensor has its extremes and a histogram that grows with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.types import RangeMethod

PERCENTILE = 0.9999  # of the values lie within the range of that method

_HALF = 2**13  # bins on either side of zero
_CHUNK = 2**18  # values at a time, so that a large tensor is not copied whole
_FINEST = 12  # no range below 2^-12 of the extremes is looked at
_STEPS = 2  # ranges looked at for each halving, before the best is refined
_FINE = 8  # … and between two of those, on either side of it
_ROUNDS = 100  # more than OCTAV has needed so far: it settles in ten

_Floats = NDArray[np.float64]


class Ranges:
    """The range of every tensor by every method, fed with :meth:`add`; the order of feeding changes nothing.

    ``only_extremes`` is faster, and enough for ``min_max``.
    """

    def __init__(self, only_extremes: bool = False) -> None:
        self._only_extremes = only_extremes
        self._seen: dict[str, _Histogram] = {}

    def add(self, name: str, array: NDArray[Any]) -> None:
        """Count the values of ``array``, of any shape, for the tensor ``name``; what is not finite is left out."""
        seen = self._seen.setdefault(name, _Histogram(self._only_extremes))
        flat = np.asarray(array).reshape(-1)
        flat = flat if flat.dtype in (np.float32, np.float64) else flat.astype(np.float64)
        for start in range(0, flat.size, _CHUNK):
            seen.add(flat[start : start + _CHUNK])

    @property
    def names(self) -> tuple[str, ...]:
        """The tensors that were seen, in the order in which they first were."""
        return tuple(self._seen)

    def of(self, name: str, method: RangeMethod, bits: int, symmetric: bool) -> tuple[float, float]:
        """``(low, high)`` of the tensor ``name``, with ``low <= 0 <= high``, for ``2 ** bits`` levels.

        ``symmetric`` asks for ``low == -high``. A tensor that held nothing but zeros has ``(0.0, 0.0)``.
        Raises KeyError where ``name`` was never seen, ValueError where only its extremes were kept.
        """
        seen = self._seen[name]
        low, high = min(seen.low, 0.0), max(seen.high, 0.0)
        if low == high or method == "min_max":
            return _even(low, high) if symmetric else (low, high)
        if self._only_extremes:
            raise ValueError(f"of '{name}' only the extremes were kept, not what '{method}' needs")
        if method == "percentile":
            found = seen.percentile(symmetric)
        elif method == "mse":
            found = _least_error(seen, bits, symmetric)
        else:
            found = _octav(seen, bits, symmetric)
        # what is not reached needs no levels
        found = max(float(found[0]), low), min(float(found[1]), high)
        return _even(*found) if symmetric else found


def _even(low: float, high: float) -> tuple[float, float]:
    bound = max(-low, high)
    return -bound, bound


class _Histogram:
    """How often which values came: bins of one power of two, zero on a border, merged by twos when values outgrow them.

    Zeros are counted apart. Every range holds them exactly, so they err in none, and half of a ReLU's values are zeros.
    """

    def __init__(self, only_extremes: bool) -> None:
        self._only_extremes = only_extremes
        self.low, self.high = np.inf, -np.inf
        self.zeros = 0
        self._counts = np.zeros(2 * _HALF, np.int64)
        self._exponent: int | None = None  # of the width of a bin

    def add(self, values: NDArray[Any]) -> None:
        low, high = float(values.min()), float(values.max())
        if not np.isfinite(low) or not np.isfinite(high):
            values = values[np.isfinite(values)]
            if not values.size:
                return
            low, high = float(values.min()), float(values.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        if self._only_extremes:
            return
        zeros = values.size - int(np.count_nonzero(values))
        self.zeros += zeros
        largest = max(-self.low, self.high)
        if largest == 0:
            return
        # the narrowest bins that reach beyond the largest value, so it does not matter which came first
        exponent = int(np.frexp(largest)[1]) - int(np.log2(_HALF))
        self._widen(exponent)
        # a power of two changes no digit, so nothing falls into a neighbour's bin
        values = values if abs(exponent) < 100 else values.astype(np.float64)
        places = np.floor(values * values.dtype.type(2.0**-exponent)).astype(np.int64)
        places += _HALF
        self._counts += np.bincount(places, minlength=2 * _HALF)
        self._counts[_HALF] -= zeros

    def _widen(self, exponent: int) -> None:
        for _ in range(0 if self._exponent is None else min(exponent - self._exponent, 2 * _HALF)):
            merged = self._counts.reshape(-1, 2).sum(axis=1)
            self._counts = np.concatenate([np.zeros(_HALF // 2, np.int64), merged, np.zeros(_HALF // 2, np.int64)])
        self._exponent = exponent

    def bins(self) -> tuple[_Floats, _Floats]:
        """The middle of every bin that is not empty, ascending, and its share of all values, zeros included."""
        taken = np.flatnonzero(self._counts)
        middles = np.ldexp(taken - _HALF + 0.5, self._exponent or 0)
        return middles, self._counts[taken] / (self._counts.sum() + self.zeros)

    def percentile(self, symmetric: bool) -> tuple[float, float]:
        middles, shares = self.bins()
        half = np.ldexp(0.5, self._exponent or 0)
        if symmetric:
            order = np.argsort(np.abs(middles), kind="stable")
            beyond = _reached(np.abs(middles)[order] + half, shares[order], 1 - PERCENTILE)
            return -beyond, beyond
        cut = (1 - PERCENTILE) / 2
        above, below = middles > 0, middles < 0
        low = -_reached(half - middles[below][::-1], shares[below][::-1], cut)
        return low, _reached(middles[above] + half, shares[above], cut)


def _reached(edges: _Floats, shares: _Floats, cut: float) -> float:
    """The least of the ascending ``edges`` beyond which at most the share ``cut`` of all values lies."""
    beyond = np.append(np.cumsum(shares[::-1])[::-1][1:], 0.0)
    return float(edges[np.argmax(beyond <= cut * (1 + 1e-9))]) if edges.size else 0.0


# ── the least squared error ────────────────────────────────────────────────────────────────────────────────────────


def _least_error(seen: _Histogram, bits: int, symmetric: bool) -> tuple[float, float]:
    """The range with the least mean squared error of rounding and clipping, found by rounding to its very levels."""
    middles, shares = seen.bins()
    low, high = min(seen.low, 0.0), max(seen.high, 0.0)
    if symmetric:
        low, high = _even(low, high)

    def error(bounds: tuple[float, float]) -> float:
        step = (bounds[1] - bounds[0]) / (2**bits - (2 if symmetric else 1))
        first, last = np.round(bounds[0] / step), np.round(bounds[1] / step)
        return float(shares @ (np.clip(np.round(middles / step), first, last) * step - middles) ** 2)

    best = (low, high)
    # both ends together, then each for itself: an end that is far out hides what the other one could gain
    best = _narrowed(error, best, (True, True))
    if low < 0 < high and not symmetric:
        for ends in ((False, True), (True, False)) * 2:
            best = _narrowed(error, best, ends, from_bounds=(low, high))
    return best


def _narrowed(
    error: Any, best: tuple[float, float], ends: tuple[bool, bool], from_bounds: tuple[float, float] | None = None
) -> tuple[float, float]:
    """The best of ``best`` and those ranges whose ``ends`` are drawn in by a common factor; the others stay."""
    whole = from_bounds or best

    def drawn(power: float) -> tuple[float, float]:
        low, high = (whole[end] * 2**-power if ends[end] else best[end] for end in (0, 1))
        return low, high

    coarse = min(np.arange(_FINEST * _STEPS + 1) / _STEPS, key=lambda power: error(drawn(power)))
    fine = coarse + np.arange(-_FINE + 1, _FINE) / (_STEPS * _FINE)
    return min((best, *(drawn(power) for power in fine if power >= 0)), key=error)


# ── OCTAV ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _octav(seen: _Histogram, bits: int, symmetric: bool) -> tuple[float, float]:
    """The fixed point at which a little more clipping costs what a little finer rounding gains.

    Source: Sakr et al., Optimal Clipping and Magnitude-aware Differentiation for Improved Quantization-aware Training,
    ICML 2022 (OCTAV). Theirs is for ranges from ``-s`` to ``s``; the same derivative, of rounding noise
    ``step² / 12`` and the squared excess, is taken for each end here.
    """
    middles, shares = seen.bins()
    if symmetric:
        order = np.argsort(np.abs(middles), kind="stable")
        middles, shares = np.abs(middles)[order], shares[order]
    mass, moment, square = (np.append(0.0, np.cumsum(shares * middles**power)) for power in (0, 1, 2))
    noise = 1 / (12 * (2**bits - (2 if symmetric else 1)) ** 2) * (4 if symmetric else 1)
    low, high = 0.0 if symmetric else min(seen.low, 0.0), max(seen.high, -seen.low if symmetric else 0.0)
    best = (np.inf, low, high)
    low, high = low / 2, high / 2
    for _ in range(_ROUNDS):
        first, last = np.searchsorted(middles, [low, high])
        inside, above, below = mass[last] - mass[first], mass[-1] - mass[last], mass[first]
        cost = noise * (high - low) ** 2 * inside
        cost += square[-1] - square[last] - 2 * high * (moment[-1] - moment[last]) + high**2 * above
        cost += square[first] - 2 * low * moment[first] + low**2 * below
        before = (low, high)
        best = min(best, (float(cost), low, high))
        inside *= noise
        if high > 0 and inside + above:
            high = max(float((moment[-1] - moment[last] + inside * low) / (inside + above)), 0.0)
        if low < 0 and inside + below:
            low = min(float((moment[first] + inside * high) / (inside + below)), 0.0)
        if abs(high - before[1]) + abs(low - before[0]) <= 1e-6 * (before[1] - before[0]):
            break
    # where values are few, no tail is left and it goes to and fro: the best of where it has been
    _, low, high = best
    return (-high, high) if symmetric else (low, high)
