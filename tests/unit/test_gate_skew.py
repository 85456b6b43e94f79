"""The error rates at exactly the limit that docs/gate.md quotes, for noise without skew and with a lot of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt.stages.gate.sequence import MOST, replayed

LIMIT, SPREAD = 0.02, 0.01
ROWS = 100_000  # the standard error of 2.8 % is 0.05 points, of 15.6 % 0.11 points


def shares(noise: NDArray[np.float64]) -> dict[str, float]:
    """The share of each outcome where the mean is at the limit; ``noise`` ``(n, 24)`` has mean 0 and deviation 1."""
    found = replayed(math.log1p(LIMIT) + SPREAD * noise, LIMIT)
    return {one: float((found == one).mean()) for one in ("ok", "improved", "regressed", "unclear")}


def test_noise_without_skew_errs_in_2_8_percent_on_either_side() -> None:
    found = shares(np.random.default_rng(7).normal(size=(ROWS, MOST)))
    assert found["regressed"] == pytest.approx(0.028, abs=0.002)
    assert found["ok"] == pytest.approx(0.028, abs=0.002)


def test_a_few_processes_that_are_slow_by_a_lot_are_overlooked_in_15_6_percent() -> None:
    found = shares(np.random.default_rng(8).exponential(size=(ROWS, MOST)) - 1)
    assert found["ok"] == pytest.approx(0.156, abs=0.005)
    assert found["regressed"] < 0.01  # the error goes to one side
