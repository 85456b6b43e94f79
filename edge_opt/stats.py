"""Estimates and their intervals, each with its source; numpy and the standard library only.

Two questions are asked again and again: *how much faster* (ratios of latencies, by rounds or by paired blocks) and *how
much worse* (the paired difference of two proportions). Every answer is an :class:`~edge_opt.types.Interval`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_opt.types import Interval

LEAST_CONFIDENCE = 0.75  # of a speed-up, reached by three rounds: fewer say nothing
RESAMPLES = 10_000
MOST_SAMPLES = 10_000_000  # beyond this, "evaluate on more samples" is no advice

_Floats = NDArray[np.float64]


# ── latencies ──────────────────────────────────────────────────────────────────────────────────────────────────────


def quantile(samples: ArrayLike, fraction: float) -> float:
    """The value below which ``fraction`` of ``samples`` lies, interpolated linearly.

    Source: Hyndman and Fan (1996), definition 7, which is numpy's and R's default. Raises ValueError without samples.
    """
    values = np.asarray(samples, dtype=np.float64)
    if values.size == 0:
        raise ValueError("there is no quantile of no samples")
    return float(np.quantile(values, fraction))


def median(samples: ArrayLike) -> float:
    """The middle of ``samples``."""
    return quantile(samples, 0.5)


def half_iqr(samples: ArrayLike) -> float:
    """Half the distance between the quartiles: the ± beside a median."""
    return (quantile(samples, 0.75) - quantile(samples, 0.25)) / 2


def median_interval(values: Sequence[float], *, confidence: float = 0.95, seed: int = 0) -> Interval:
    """The median of ``values``, one a round, with its percentile bootstrap interval.

    BCa would need the jackknife, which fails for the median (it takes two values only), so it is the plain percentile.
    So few values that even their whole range holds the median with less than ``confidence`` give that range, and the
    confidence it really has: 1 - 2^(1 - n), which is 0.75 for three values and 0 for one.
    Source: Efron and Tibshirani (1993), chapters 11 and 13; for the range, David and Nagaraja (2003), section 7.1.
    """
    data = np.asarray(values, dtype=np.float64)
    if data.size == 0 or not np.isfinite(data).all():
        raise ValueError("an interval needs finite values, and at least one")
    reachable = 1 - 2.0 ** (1 - data.size)
    if reachable < confidence:
        return Interval(
            low=float(data.min()), estimate=median(data), high=float(data.max()), confidence=float(reachable)
        )
    chosen = np.random.default_rng(seed).integers(data.size, size=(RESAMPLES, data.size))
    return _percentile(np.median(data[chosen], axis=1), median(data), confidence)


def ratio_interval(
    baseline_rounds: Sequence[float], candidate_rounds: Sequence[float], *, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """How many times faster the candidate is: the median of the ratios round by round, bootstrapped over rounds.

    Both take one latency a round (its median), in the order of the rounds: what slows a whole round cancels out.
    Raises ValueError where the rounds do not match or a latency is not positive. Source: see :func:`median_interval`.
    """
    baseline, candidate = (np.asarray(rounds, dtype=np.float64) for rounds in (baseline_rounds, candidate_rounds))
    if baseline.shape != candidate.shape:
        raise ValueError(f"{baseline.size} rounds of the baseline cannot be paired with {candidate.size}")
    if not ((baseline > 0).all() and (candidate > 0).all()):
        raise ValueError("a latency must be positive")
    return median_interval((baseline / candidate).tolist(), confidence=confidence, seed=seed)


def pair_interval(
    processes: Sequence[Sequence[tuple[int, Sequence[float]]]], *, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """How many times faster artifact 1 is than artifact 0, from jobs that alternated both in one process.

    ``processes[p]`` holds the blocks of one process in their order: ``(0 or 1, samples_ns)``. The ratio of a process is
    that of the medians of its block medians; the estimate is the median over processes. The bootstrap draws processes
    and then blocks within them, so that the interval holds both kinds of variation. Its confidence is no more than that
    with which the range of so few processes holds their median, 1 - 2^(1 - n): 0.9375 for five. Raises ValueError where
    a process lacks one of the artifacts. Source: Davison and Hinkley (1997), section 3.8 (hierarchical data).
    """
    medians = [
        [np.asarray([median(samples) for which, samples in blocks if which == artifact]) for artifact in (0, 1)]
        for blocks in processes
    ]
    if not medians or any(part.size == 0 for pair in medians for part in pair):
        raise ValueError("every process must have timed both artifacts")
    rng = np.random.default_rng(seed)
    resampled = np.stack([_resampled_ratios(baseline, candidate, rng) for baseline, candidate in medians], axis=1)
    chosen = rng.integers(len(medians), size=resampled.shape)
    ratios = np.median(np.take_along_axis(resampled, chosen, axis=1), axis=1)
    estimate = median([float(np.median(baseline) / np.median(candidate)) for baseline, candidate in medians])
    return _percentile(ratios, estimate, min(confidence, 1 - 2.0 ** (1 - len(medians))))


def _resampled_ratios(baseline: _Floats, candidate: _Floats, rng: np.random.Generator) -> _Floats:
    top, bottom = (
        np.median(part[rng.integers(part.size, size=(RESAMPLES, part.size))], axis=1) for part in (baseline, candidate)
    )
    return np.asarray(top / bottom, dtype=np.float64)


def _percentile(resampled: _Floats, estimate: float, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(
        low=min(float(low), estimate), estimate=estimate, high=max(float(high), estimate), confidence=confidence
    )


# ── proportions ────────────────────────────────────────────────────────────────────────────────────────────────────


def wilson_interval(right: int, samples: int, *, confidence: float = 0.95) -> Interval:
    """The share of ``right`` among ``samples``, with its score interval. Source: Wilson (1927), JASA 22:209-212."""
    if not 0 <= right <= samples or samples < 1:
        raise ValueError(f"{right} of {samples} is no proportion")
    z = _z((1 + confidence) / 2)
    share = right / samples
    scale = 1 + z * z / samples
    center = (share + z * z / (2 * samples)) / scale
    half = z * math.sqrt(share * (1 - share) / samples + z * z / (4 * samples**2)) / scale
    low = 0.0 if right == 0 else center - half
    high = 1.0 if right == samples else center + half
    return Interval(low=low, estimate=share, high=high, confidence=confidence)


def tango_interval(lost: float, gained: float, samples: float, *, confidence: float = 0.90) -> Interval:
    """The paired difference ``(lost - gained) / samples`` of two proportions, with its score interval.

    ``lost`` samples only the first model has right, ``gained`` only the second; the others do not matter. Each bound of
    the two-sided 90 % interval is a one-sided 95 % bound. Without discordant pairs it is z² / (n + z²) wide on either
    side, where a Wald interval has width zero. Source: Tango (1998), Statistics in Medicine 17:891-908, equations 8-10.
    """
    if min(lost, gained) < 0 or lost + gained > samples * (1 + 1e-12) or samples <= 0:
        raise ValueError(f"{lost} lost and {gained} gained of {samples} samples are no pairs")
    z = _z((1 + confidence) / 2)
    estimate = (lost - gained) / samples
    high = 1.0 if lost == samples else _crossing(lambda d: _score(lost, gained, samples, d) + z, estimate, 1.0)
    low = -1.0 if gained == samples else _crossing(lambda d: _score(lost, gained, samples, d) - z, -1.0, estimate)
    return Interval(low=low, estimate=estimate, high=high, confidence=confidence)


def _score(lost: float, gained: float, n: float, difference: float) -> float:
    """Tango's statistic at ``difference``: falls from +∞ at -1 over 0 at the estimate to -∞ at 1."""
    quadratic = 2 * n
    linear = (2 * n - lost + gained) * difference - lost - gained
    constant = -gained * difference * (1 - difference)
    root = math.sqrt(max(linear * linear - 4 * quadratic * constant, 0.0))
    # of the two equal forms of the root, the one that does not subtract near-equal numbers
    nuisance = -2 * constant / (linear + root) if linear > 0 else (root - linear) / (2 * quadratic)
    variance = n * (2 * nuisance + difference * (1 - difference))
    distance = lost - gained - n * difference
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where ``falling`` goes through zero between ``low`` and ``high``, by bisection to the last bit or so."""
    for _ in range(60):
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def mean_interval(differences: ArrayLike, *, confidence: float = 0.90) -> Interval:
    """The mean of paired ``differences`` of scores, each in -1..1, with its normal interval.

    Where hardly any sample changed its score, the variance that was seen says nothing: the sum of squares then counts
    as z², with which the interval of no change at all is as wide as Tango's. Raises ValueError where there are none.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.size == 0 or not (np.abs(values) <= 1).all():
        raise ValueError("a mean needs differences within -1..1, and at least one")
    z = _z((1 + confidence) / 2)
    mean = float(values.mean())
    half = z * math.sqrt(max(float(np.square(values - mean).sum()), z * z)) / values.size
    return Interval(low=max(mean - half, -1.0), estimate=mean, high=min(mean + half, 1.0), confidence=confidence)


# ── p-values ───────────────────────────────────────────────────────────────────────────────────────────────────────


def binomial_tail(least: int, trials: int, chance: float = 0.5) -> float:
    """How likely ``least`` or more of ``trials`` are hits, each with ``chance``: the exact one-sided test.

    Of discordant pairs, with ``chance`` 0.5, it is McNemar's. Source: McNemar (1947), Psychometrika 12:153-157.
    """
    if least <= 0 or chance >= 1:
        return 1.0 if least <= trials else 0.0
    if least > trials or chance <= 0:
        return 0.0
    counts = np.arange(1, trials + 1, dtype=np.float64)
    factors = np.concatenate([[0.0], np.log((trials - counts + 1) / counts)])
    hits = np.arange(trials + 1)
    logs = np.cumsum(factors) + hits * math.log(chance) + (trials - hits) * math.log1p(-chance)
    return min(float(np.exp(logs[least:]).sum()), 1.0)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """``p_values`` adjusted so that all those under 0.05 hold together at 5 %.

    Source: Holm (1979), Scandinavian Journal of Statistics 6:65-70.
    """
    order = np.argsort(p_values, kind="stable")
    stepped = np.asarray(p_values, dtype=np.float64)[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return tuple(adjusted.tolist())


# ── how many samples ───────────────────────────────────────────────────────────────────────────────────────────────


def samples_to_decide(samples: int, lost: int, gained: int, limit: float, *, confidence: float = 0.90) -> int | None:
    """About how many samples would settle whether the drop is within ``limit``, if the observed rates hold.

    ``None`` where none would, or only more than ten million: the observed drop is the limit, or next to it.
    """

    def settled(count: int) -> bool:
        grown = count / samples
        drop = tango_interval(lost * grown, gained * grown, count, confidence=confidence)
        return drop.high <= limit or drop.low > limit

    return _least(settled, samples)


def samples_needed(
    limit: float, discordance: float, *, power: float = 0.8, alpha: float = 0.05, true_drop: float = 0.0
) -> int:
    """About how many samples show, with ``power``, that a drop is within ``limit``: said before the work starts.

    ``discordance`` is the share of samples that only one of the two models will have right, ``true_drop`` the drop that
    really is there. Raises ValueError where the true drop is not under the limit: then no number of samples would do.
    Source: Lu and Bean (1995), Statistics in Medicine 14:1831-1839, with the variance at the true drop.
    """
    if true_drop >= limit:
        raise ValueError(f"a drop of {true_drop} cannot be shown to be within {limit}")
    if not abs(true_drop) <= discordance <= 1:
        raise ValueError(f"a discordance of {discordance} is impossible with a drop of {true_drop}")
    variance = discordance - true_drop**2
    return max(1, math.ceil((_z(1 - alpha) + _z(power)) ** 2 * variance / (limit - true_drop) ** 2))


def _least(holds: Callable[[int], bool], start: int) -> int | None:
    """The least count from ``start`` on at which ``holds`` becomes and stays true; ``None`` beyond MOST_SAMPLES."""
    if holds(start):
        return start
    below, above = start, 2 * start
    while not holds(above):
        below, above = above, 2 * above
        if below > MOST_SAMPLES:
            return None
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if holds(middle) else (middle, above)
    return above


def probabilities(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """``outputs`` ``(n, classes)`` as probabilities: as they are where they are some, else by the softmax of logits."""
    sums = outputs.sum(axis=1)
    if outputs.min(initial=0.0) >= 0 and np.allclose(sums, 1, atol=1e-2):
        return np.asarray(outputs / sums[:, None], np.float32)
    spread = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(spread / spread.sum(axis=1, keepdims=True), np.float32)


def _z(probability: float) -> float:
    return NormalDist().inv_cdf(probability)
