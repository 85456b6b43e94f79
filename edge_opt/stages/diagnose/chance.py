"""How likely counts are by chance: p-values for checks that know no more than counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

_LEAST_EXPECTED = 5.0  # of a cell of a table, by Cochran's rule


def more_than(count: int, expected: float) -> float:
    """The probability of at least ``count`` events where ``expected`` are, after Poisson."""
    if count <= 0:
        return 1.0
    if expected <= 0:
        return 0.0
    terms = (math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(count))
    below = math.fsum(terms)
    if below < 0.999_999:
        return max(0.0, 1.0 - below)
    # what is left of 1 is lost in rounding: add up the tail itself, whose terms fall faster than a geometric series
    first = math.exp(count * math.log(expected) - expected - math.lgamma(count + 1))
    ratio = expected / (count + 1)
    return min(1.0, first / (1 - ratio)) if ratio < 1 else 1.0


def same_shares(first: Sequence[int], second: Sequence[int]) -> float:
    """The p-value that two samples have the same shares of classes: Pearson's chi-square test of homogeneity.

    Classes whose expected count in either is under 5 are taken together. The tail is Wilson and Hilferty's (1931,
    PNAS 17:684-688), which is near enough for a decision at 0.001.
    """
    total, one, two = sum(first) + sum(second), sum(first), sum(second)
    if not one or not two:
        return 1.0
    cells: list[tuple[int, int]] = []
    rare = (0, 0)
    for a, b in zip(first, second, strict=True):
        if (a + b) * min(one, two) / total >= _LEAST_EXPECTED:
            cells.append((a, b))
        else:
            rare = (rare[0] + a, rare[1] + b)
    if sum(rare) * min(one, two) / total >= _LEAST_EXPECTED:
        cells.append(rare)
    freedom = len(cells) - 1
    if freedom < 1:
        return 1.0
    statistic = sum(
        (have - (a + b) * size / total) ** 2 / ((a + b) * size / total)
        for a, b in cells
        for have, size in ((a, one), (b, two))
    )
    return chi_square_tail(statistic, freedom)


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The probability that a chi-square variable of so many degrees of freedom is above ``statistic``, nearly."""
    spread = 2 / (9 * freedom)
    z = (math.pow(statistic / freedom, 1 / 3) - (1 - spread)) / math.sqrt(spread)
    return NormalDist().cdf(-z)
