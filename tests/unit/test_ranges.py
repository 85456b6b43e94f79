"""The ranges of activations, against searches through the values themselves, and the published fixed point."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt.nets.ranges import PERCENTILE, Ranges
from edge_opt.types import RangeMethod

METHODS: tuple[RangeMethod, ...] = get_args(RangeMethod)
_DRAW = np.random.default_rng(5)
DATA: dict[str, NDArray[Any]] = {
    "gauss": _DRAW.standard_normal(40_000).astype(np.float32),
    "laplace": _DRAW.laplace(size=40_000).astype(np.float32),
    "relu": np.maximum(_DRAW.standard_normal(40_000), 0).astype(np.float32),
    "negative": -np.abs(_DRAW.standard_normal(40_000)).astype(np.float32),
    "outlier": np.append(_DRAW.standard_normal(40_000), [80.0]).astype(np.float32),
}
EVERY = pytest.mark.parametrize("name", DATA)


def ranges(name: str, parts: int = 7) -> Ranges:
    found = Ranges()
    for part in np.array_split(DATA[name], parts):
        found.add(name, part.reshape(1, -1))
    return found


def error(values: NDArray[Any], low: float, high: float, bits: int) -> float:
    """What rounding to the levels of a range costs, value by value; zero is a level."""
    step = (high - low) / (2**bits - 1)
    levels = np.clip(np.round(values / step), np.round(low / step), np.round(high / step))
    return float(np.mean((levels * step - values) ** 2))


@EVERY
@pytest.mark.parametrize("method", METHODS)
def test_a_range_holds_zero_and_nothing_that_was_never_seen(name: str, method: RangeMethod) -> None:
    values = DATA[name]
    low, high = ranges(name).of(name, method, 8, False)
    assert min(values.min(), 0) <= low <= 0 <= high <= max(values.max(), 0)
    assert low < high
    left, right = ranges(name).of(name, method, 8, True)
    assert left == -right
    assert right <= np.abs(values).max()


@EVERY
def test_the_extremes_are_those_of_all_values(name: str) -> None:
    values = DATA[name]
    expected = (min(float(values.min()), 0.0), max(float(values.max()), 0.0))
    assert ranges(name).of(name, "min_max", 8, False) == expected
    quick = Ranges(only_extremes=True)
    quick.add(name, values)
    assert quick.of(name, "min_max", 8, False) == expected
    with pytest.raises(ValueError, match="only the extremes"):
        quick.of(name, "mse", 8, False)


@EVERY
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("symmetric", [True, False])
def test_the_order_of_the_samples_changes_nothing(name: str, method: RangeMethod, symmetric: bool) -> None:
    backwards = Ranges()
    for part in reversed(np.array_split(DATA[name], 3)):
        backwards.add(name, part)
    assert backwards.of(name, method, 8, symmetric) == ranges(name).of(name, method, 8, symmetric)


@EVERY
def test_the_percentile_leaves_out_the_share_that_it_says(name: str) -> None:
    values = DATA[name]
    low, high = ranges(name).of(name, "percentile", 8, False)
    assert np.mean((values >= low) & (values <= high)) >= PERCENTILE
    both = np.quantile(values, [(1 - PERCENTILE) / 2, (1 + PERCENTILE) / 2])
    # a bin, and the gap between two neighbours so far out
    assert (low, high) == pytest.approx((min(both[0], 0), max(both[1], 0)), rel=0.15, abs=0.02)
    right = ranges(name).of(name, "percentile", 8, True)[1]
    assert np.mean(np.abs(values) <= right) >= PERCENTILE


@EVERY
@pytest.mark.parametrize("bits", [4, 8])
def test_no_range_errs_much_less_than_the_one_with_the_least_error(name: str, bits: int) -> None:
    values = DATA[name].astype(np.float64)
    found = error(values, *ranges(name).of(name, "mse", bits, False), bits)
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    shares = 2.0 ** -np.linspace(0, 8, 60)
    ends = [(low * a, high * b) for a in (shares if low else [0.0]) for b in (shares if high else [0.0])]
    assert found <= 1.05 * min(error(values, *each, bits) for each in ends[:: 1 if len(ends) < 100 else 3])


@pytest.mark.parametrize(("bits", "published"), [(4, 2.559), (6, 3.287), (8, 3.924)])
def test_octav_clips_a_gaussian_where_the_analysis_of_it_says(bits: int, published: float) -> None:
    # Banner et al., Post-training 4-bit quantization of convolution networks, NeurIPS 2019, section 2.1, for N(0, 1):
    # the same trade of rounding noise against clipped tails, solved on the density instead of on samples
    values = np.random.default_rng(0).standard_normal(400_000)
    found = Ranges()
    found.add("x", values)
    assert found.of("x", "octav", bits, True)[1] == pytest.approx(published, rel=0.04)


@EVERY
@pytest.mark.parametrize("symmetric", [True, False])
def test_octav_is_a_fixed_point_of_its_own_equation(name: str, symmetric: bool) -> None:
    values = DATA[name].astype(np.float64)
    low, high = ranges(name).of(name, "octav", 8, symmetric)
    for end in {high} if symmetric else {low, high} - {0.0}:
        # on either side of it, the noise that the equation stands for is larger
        def cost(bound: float, end: float = end) -> float:
            left, right = (-bound, bound) if symmetric else (bound, high) if end == low else (low, bound)
            inside = (values >= left) & (values <= right) & (values != 0)
            width = (right - left) / (254 if symmetric else 255)
            return float(np.where(inside, width**2 / 12, (values - np.clip(values, left, right)) ** 2).mean())

        assert cost(end) <= min(cost(end * 0.85), cost(end * 1.15)) * 1.01


def test_an_outlier_is_clipped_by_every_method_but_the_extremes() -> None:
    found = {method: ranges("outlier").of("outlier", method, 4, True)[1] for method in METHODS}
    assert found["min_max"] == 80
    assert max(found[method] for method in METHODS if method != "min_max") < 40


def test_zeros_cost_no_range_its_precision() -> None:
    sparse, dense = Ranges(), Ranges()
    values = np.abs(DATA["gauss"])
    sparse.add("x", np.concatenate([values, np.zeros(9 * len(values), np.float32)]))
    dense.add("x", values)
    for method in ("mse", "octav"):
        assert sparse.of("x", method, 8, False) == pytest.approx(dense.of("x", method, 8, False), rel=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_a_tensor_of_zeros_has_no_range_and_what_is_not_finite_is_left_out(method: RangeMethod) -> None:
    found = Ranges()
    found.add("zeros", np.zeros(10, np.float32))
    found.add("odd", np.array([np.nan, np.inf, -np.inf, 2.0, -1.0], np.float32))
    found.add("none", np.array([np.nan], np.float32))
    found.add("empty", np.zeros((0, 3), np.float32))
    assert found.names == ("zeros", "odd", "none", "empty")
    for name in ("zeros", "none", "empty"):
        assert found.of(name, method, 8, False) == (0.0, 0.0)
    low, high = found.of("odd", method, 8, False)
    assert -1 <= low < -0.4
    assert 0.9 < high <= 2
    with pytest.raises(KeyError):
        found.of("unknown", method, 8, False)


@pytest.mark.parametrize("scale", [1e-35, 1e-3, 1e5, 1e35])
def test_a_range_grows_with_its_values(scale: float) -> None:
    found, first = Ranges(), DATA["laplace"]
    found.add("x", np.float32(1e-3) * first * np.float32(scale))
    found.add("x", first * np.float32(scale))
    reference = Ranges()
    reference.add("x", np.concatenate([np.float32(1e-3) * first, first]))
    for method in METHODS:
        bounds = np.array(found.of("x", method, 8, False)) / scale
        assert bounds == pytest.approx(np.array(reference.of("x", method, 8, False)), rel=0.02)
