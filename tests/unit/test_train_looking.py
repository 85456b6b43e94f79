"""A training that goes wrong is told from one that has only begun."""

from __future__ import annotations

import pytest

from edge_opt.nets.train.looking import unlearned


@pytest.mark.parametrize(
    ("before", "now", "so"),
    [
        ((0.6, 0.8), (0.1, 2.302), True),
        ((0.6, 4.0), (0.1, 2.302), True),  # channels have gone: its loss was high, and yet it knew much
        ((0.1, 2.31), (0.1, 40.0), True),
        ((0.1, 2.31), (0.12, 2.28), False),  # it begins to learn
        ((0.1, 2.31), (0.1, 2.0), False),
        ((0.6, 0.8), (0.5, 1.2), False),
    ],
)
def test_guessing_is_a_fault_of_one_that_did_better_before(
    before: tuple[float, float], now: tuple[float, float], so: bool
) -> None:
    assert unlearned(before, now, classes=10) is so
