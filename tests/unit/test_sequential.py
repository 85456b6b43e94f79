from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
import scipy.stats

from edge_opt import sequential

LOOKS = (4, 6, 8, 12, 16, 20, 24)


def test_the_boundary_is_the_published_one_for_five_even_looks() -> None:
    # Jennison and Turnbull (2000), section 7.2; R: gsDesign::gsDesign(k = 5, test.type = 2, sfu = sfLDPocock)
    published = [2.438, 2.427, 2.410, 2.397, 2.386]
    assert sequential.boundary([0.2, 0.4, 0.6, 0.8, 1.0]) == pytest.approx(published, abs=1.5e-3)


def test_one_look_at_everything_is_the_ordinary_test() -> None:
    assert sequential.boundary([1.0]) == pytest.approx([NormalDist().inv_cdf(0.975)], abs=1e-3)


@pytest.mark.parametrize("fractions", [(), (0.5, 0.5), (0.6, 0.4), (0.5, 1.2), (0.0, 1.0)])
def test_looks_that_do_not_come_later_and_later_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="later and later"):
        sequential.boundary(fractions)


def test_looking_often_does_not_raise_the_error_rate() -> None:
    rng = np.random.default_rng(0)
    critical = sequential.boundary([n / LOOKS[-1] for n in LOOKS])
    wrong, naive, repetitions = 0, 0, 4000
    for values in rng.normal(size=(repetitions, LOOKS[-1])):
        found = [sequential.repeated_interval(values[:n], c) for n, c in zip(LOOKS, critical, strict=True)]
        wrong += any(one.low > 0 or one.high < 0 for one in found)
        plain = [sequential.repeated_interval(values[:n], NormalDist().inv_cdf(0.975)) for n in LOOKS]
        naive += any(one.low > 0 or one.high < 0 for one in plain)
    assert wrong / repetitions < 0.065  # 5 %, and what the simulation may be off by
    assert naive / repetitions > 0.12


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 11, 23])
@pytest.mark.parametrize("probability", [0.5, 0.6, 0.975, 0.992, 0.9999])
def test_students_quantile_is_that_of_scipy(probability: float, degrees: int) -> None:
    assert sequential.student_quantile(probability, degrees) == pytest.approx(
        scipy.stats.t.ppf(probability, degrees), rel=1e-9, abs=1e-9
    )


def test_an_interval_of_one_value_is_refused() -> None:
    with pytest.raises(ValueError, match="two finite values"):
        sequential.repeated_interval([0.1], 2.0)


def test_the_interval_of_one_look_is_students() -> None:
    values = [0.1, 0.3, 0.2, 0.25]
    found = sequential.repeated_interval(values, NormalDist().inv_cdf(0.975))
    low, high = scipy.stats.t.interval(0.95, 3, loc=np.mean(values), scale=scipy.stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
