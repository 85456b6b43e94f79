"""How much of a network's answers is lost, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edge_opt.nets.disturbance import share


def test_every_sample_counts_alike_and_for_at_most_one() -> None:
    expected = np.array([[3.0, 4.0], [300.0, 400.0], [0.3, 0.4]])
    found = np.array([[3.0, 3.0], [300.0, 400.0], [30.0, 40.0]])
    assert share(list(found), list(expected)) == pytest.approx((1 / 25 + 0 + 1) / 3)


def test_noise_without_a_signal_is_all_there_is() -> None:
    nothing = np.zeros(2, np.float32)
    assert share([nothing, nothing], [nothing, nothing]) == 0.0
    assert share([nothing + 1, nothing], [nothing, nothing]) == 0.5
