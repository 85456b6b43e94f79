"""Widths are allotted to what is missed least for its time, checked against sums by hand and against every choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from edge_opt.errors import InputError
from edge_opt.nets.allocation import Share, SpeedUp, allocate, predicted_ns, uniform, uniform_for
from edge_opt.nets.graph import Channels, Group, Work
from edge_opt.types import KernelSteps, LayerCost, OperatorCosts


def a_group(name: str, width: int, fixed: str = "") -> Group:
    return Group(name, (name,), width, fixed)


def a_work(layer: str, kind: Any, scale: float, inputs: Channels, outputs: Channels) -> Work:
    return Work(layer, kind, scale, inputs, outputs, {}, ())


def of(counts: Mapping[str, int] | None = None, fixed: int = 0) -> Channels:
    return Channels(fixed, counts or {})


# a picture of 10x10 with one channel → conv a → conv b → 5x5 pooled, flattened → ten classes
GROUPS = (a_group("a", 32), a_group("b", 64))
WORKS = (
    a_work("a", "conv", 900.0, of(fixed=1), of({"a": 1})),
    a_work("b", "conv", 900.0, of({"a": 1}), of({"b": 1})),
    a_work("pool", "pool", 100.0, of({"b": 1}), of({"b": 1})),
    a_work("out", "dense", 1.0, of({"b": 25}), of(fixed=10)),
)
EVEN = {"a": np.ones(32), "b": np.ones(64)}


def costs(**layers: tuple[tuple[float, float], ...]) -> OperatorCosts:
    named = {"": ((0.0, 5.0), (1.0, 5.0)), **{name.replace("_", "/"): points for name, points in layers.items()}}
    return OperatorCosts(
        runtime="litert",
        runtime_version="1",
        threads=1,
        layers=tuple(LayerCost(layer=name, points=points) for name, points in named.items()),
    )


MEASURED = costs(
    a_conv=((7_200, 100.0), (14_400, 150.0), (28_800, 250.0)),
    b_conv=((57_600, 200.0), (1_843_200, 3_000.0)),
    pool_pool=((800, 40.0), (6_400, 300.0)),
    out_dense=((2_000, 10.0), (16_000, 80.0)),
)


# measured for a 3x3 convolution with AVX512: 24 channels cost more than 32, and 40 as much as 64
STEPPED = KernelSteps(
    kind="conv",
    widths=((8, 20.0), (16, 20.0), (24, 42.0), (32, 32.0), (40, 64.0), (48, 64.0), (56, 64.0), (64, 64.0)),
)


def test_without_costs_the_time_is_the_multiply_accumulates() -> None:
    assert predicted_ns(WORKS, None, {"a": 32, "b": 64}) == 900 * 32 + 900 * 32 * 64 + 25 * 64 * 10
    assert predicted_ns(WORKS, None, {"a": 8, "b": 24}) == 900 * 8 + 900 * 8 * 24 + 25 * 24 * 10


def test_between_two_measured_sizes_the_time_lies_on_the_line_and_outside_the_line_goes_on() -> None:
    assert predicted_ns(WORKS, MEASURED, {"a": 32, "b": 64}) == pytest.approx(5 + 250 + 3_000 + 300 + 80)
    b = 200 + (900 * 24 * 8 - 57_600) * 2_800 / (1_843_200 - 57_600)
    assert predicted_ns(WORKS, MEASURED, {"a": 24, "b": 8}) == pytest.approx(5 + 200 + b + 40 + 10)
    b = 200 + (900 * 4 * 4 - 57_600) * 2_800 / (1_843_200 - 57_600)
    below = 5 + (100 - 3_600 * 50 / 7_200) + b + (40 - 400 * 260 / 5_600) + (10 - 1_000 * 70 / 14_000)
    assert predicted_ns(WORKS, MEASURED, {"a": 4, "b": 4}) == pytest.approx(below)


def test_a_clock_that_says_that_less_takes_longer_is_not_believed() -> None:
    noisy = costs(a_conv=((7_200, 300.0), (28_800, 250.0)))
    assert predicted_ns(WORKS[:1], noisy, {"a": 8}) == predicted_ns(WORKS[:1], noisy, {"a": 32}) == 305


def test_a_layer_that_was_not_measured_is_named() -> None:
    with pytest.raises(InputError, match="'b'"):
        predicted_ns(WORKS, costs(a_conv=((0, 0.0), (1, 1.0))), {"a": 8, "b": 8})


@pytest.mark.parametrize("goal", [Share(0.5), SpeedUp(2.0), SpeedUp(9.0)])
@pytest.mark.parametrize("given", [None, MEASURED])
def test_the_goal_is_reached_and_was_not_a_step_before(goal: Share | SpeedUp, given: OperatorCosts | None) -> None:
    widths = allocate(GROUPS, WORKS, EVEN, given, goal)
    before = predicted_ns(WORKS, given, {"a": 32, "b": 64})

    def holds(tried: Mapping[str, int]) -> bool:
        if isinstance(goal, Share):
            return 96 - sum(tried.values()) >= goal.share * 96
        return before / predicted_ns(WORKS, given, tried) >= goal.factor

    assert holds(widths)
    assert all(width % 8 == 0 and width >= 8 for width in widths.values())
    wider = [{**widths, name: widths[name] + 8} for name, width in widths.items() if width < {"a": 32, "b": 64}[name]]
    assert not all(holds(one) for one in wider)


def test_the_steps_are_those_of_least_loss_for_the_time_saved() -> None:
    # a few channels hold nearly all of b's importance: the others leave first although each saves less than one of a's
    few = {"a": np.ones(32), "b": np.concatenate([np.ones(16), np.full(48, 1e-6)])}
    assert allocate(GROUPS, WORKS, few, None, Share(0.5)) == {"a": 32, "b": 16}
    # where the target takes as long for the convolution whatever its width, only the pooling is worth a step
    flat = costs(
        a_conv=((0, 100.0), (28_800, 100.0)),
        b_conv=((0, 3_000.0), (1_843_200, 3_000.0)),
        pool_pool=((0, 0.0), (6_400, 300.0)),
        out_dense=((0, 0.0), (16_000, 80.0)),
    )
    assert allocate(GROUPS, WORKS, EVEN, flat, Share(0.5)) == {"a": 32, "b": 16}
    # as important and as wide as one another, that one gives more which takes more time
    twins = tuple(a_group(name, 32) for name in "ab")
    works = tuple(
        a_work(name, "depthwise", scale, of({name: 1}), of({name: 1})) for name, scale in (("a", 100.0), ("b", 300.0))
    )
    even = {name: np.ones(32) for name in "ab"}
    assert allocate(twins, works, even, None, Share(0.25)) == {"a": 32, "b": 16}


def test_importance_is_compared_within_a_group_and_its_order_does_not_matter() -> None:
    draw = np.random.default_rng(0)
    importance = {"a": draw.gamma(0.5, size=32), "b": draw.gamma(0.5, size=64)}
    found = allocate(GROUPS, WORKS, importance, MEASURED, SpeedUp(3))
    other = {"a": 1e6 * draw.permutation(importance["a"]), "b": draw.permutation(importance["b"])}
    assert allocate(GROUPS, WORKS, other, MEASURED, SpeedUp(3)) == found


def test_channels_that_are_worth_nothing_leave_before_any_other() -> None:
    importance = {"a": np.tile([0.0, 1.0], 16), "b": np.ones(64)}
    assert allocate(GROUPS, WORKS, importance, None, Share(16 / 96)) == {"a": 16, "b": 64}
    dead = {"a": np.zeros(32), "b": np.ones(64)}
    assert allocate(GROUPS, WORKS, dead, None, Share(24 / 96)) == {"a": 8, "b": 64}


@pytest.mark.parametrize("factor", [1.2, 1.5, 2.0, 3.0, 5.0, 6.0])
@pytest.mark.parametrize("steps", [(), ("conv",)])
def test_no_other_widths_that_are_as_fast_keep_more(factor: float, steps: tuple[str, ...]) -> None:
    draw = np.random.default_rng(int(10 * factor))
    importance = {"a": draw.gamma(0.5, size=32), "b": draw.gamma(0.5, size=64)}
    line = replace(MEASURED, steps=(STEPPED,) if steps else ())
    before = predicted_ns(WORKS, line, {"a": 32, "b": 64})

    def lost(widths: Mapping[str, int]) -> float:
        kept = {name: np.sort(importance[name])[::-1][:width].sum() for name, width in widths.items()}
        return float(sum((kept[name] / importance[name].sum()) ** -2 for name in kept))

    found = allocate(GROUPS, WORKS, importance, line, SpeedUp(factor))
    every = ({"a": a, "b": b} for a, b in product(range(8, 33, 8), range(8, 65, 8)))
    fast = [one for one in every if before / predicted_ns(WORKS, line, one) >= factor]
    assert lost(found) == pytest.approx(min(map(lost, fast)))


def test_groups_that_are_fixed_or_narrow_keep_their_width() -> None:
    groups = (a_group("a", 32, "read by softmax"), a_group("b", 64), a_group("c", 6))
    works = (*WORKS, a_work("c", "dense", 1.0, of({"b": 1}), of({"c": 1})))
    widths = allocate(groups, works, {"b": np.ones(64)}, None, SpeedUp(2.0))
    assert (widths["a"], widths["c"]) == (32, 6)
    assert uniform(groups, 0.9) == {"a": 32, "b": 8, "c": 6}


def test_an_odd_width_falls_to_the_multiple_below_it() -> None:
    groups, works = (a_group("a", 30),), WORKS[:1]
    assert allocate(groups, works, {"a": np.ones(30)}, None, Share(0.1)) == {"a": 24}
    assert uniform(groups, 0.05) == {"a": 30}


def test_a_speed_up_out_of_reach_is_refused_with_the_most_that_can_be_reached() -> None:
    most = (900 * 32 + 900 * 32 * 64 + 25 * 64 * 10) / (900 * 8 + 900 * 8 * 8 + 25 * 8 * 10)
    with pytest.raises(InputError, match=f"'99x'.* {int(most * 100) / 100}x"):
        allocate(GROUPS, WORKS, EVEN, None, SpeedUp(99))
    with pytest.raises(InputError, match="'99x'"):
        uniform_for(GROUPS, WORKS, None, 99)
    with pytest.raises(InputError, match=r"'95%'.* 83% are"):
        allocate(GROUPS, WORKS, EVEN, None, Share(0.95))


def test_the_most_that_is_named_can_be_asked_for() -> None:
    with pytest.raises(InputError) as caught:
        allocate(GROUPS, WORKS, EVEN, MEASURED, SpeedUp(1_000))
    named = float(caught.value.message.split(" it is ")[1].rstrip("x"))
    assert allocate(GROUPS, WORKS, EVEN, MEASURED, SpeedUp(named)) == {"a": 8, "b": 8}
    assert uniform_for(GROUPS, WORKS, MEASURED, named) == {"a": 8, "b": 8}


def test_uniform_widths_are_the_widest_that_are_fast_enough() -> None:
    before = predicted_ns(WORKS, MEASURED, {"a": 32, "b": 64})
    found = uniform_for(GROUPS, WORKS, MEASURED, 2.0)
    assert before / predicted_ns(WORKS, MEASURED, found) >= 2
    shares = np.linspace(0, 1, 2_001)
    fast = [one for one in shares if before / predicted_ns(WORKS, MEASURED, uniform(GROUPS, one)) >= 2]
    assert found == uniform(GROUPS, min(fast))


def test_a_network_without_anything_to_remove_stays_as_it_is() -> None:
    groups = (a_group("a", 32, "an output"), a_group("b", 64, "an output"))
    assert allocate(groups, WORKS, {}, None, Share(0.5)) == {"a": 32, "b": 64}
    with pytest.raises(InputError, match="it is 1x"):
        allocate(groups, WORKS, {}, None, SpeedUp(2))


# ── kernels that take several channels at once ─────────────────────────────────────────────────────────────────────


def stepped(given: OperatorCosts) -> OperatorCosts:
    return replace(given, steps=(STEPPED,))


@pytest.mark.parametrize(
    ("width", "like"),
    [(1, 20), (8, 20), (17, 42), (24, 42), (30, 32), (33, 64), (64, 64), (65, 96), (96, 96), (97, 128), (168, 192)],
)
def test_channels_cost_like_those_that_the_kernels_work_on(width: int, like: float) -> None:
    line = stepped(costs(a_conv=((0, 0.0), (900, 1.0))))
    assert predicted_ns(WORKS[:1], line, {"a": width}) == pytest.approx(5 + like)
    # channels that are read have no steps, nor have kinds that were not measured
    both = stepped(costs(b_conv=((0, 0.0), (900, 1.0)), pool_pool=((0, 0.0), (100, 1.0))))
    assert predicted_ns(WORKS[1:3], both, {"a": width, "b": 64}) == pytest.approx(5 + width * 64 + 64)


def test_no_width_is_chosen_that_costs_more_than_a_greater_one() -> None:
    line = stepped(
        costs(
            a_conv=((0, 0.0), (900, 1.0)),
            b_conv=((0, 0.0), (900, 1.0)),
            pool_pool=((0, 0.0), (1, 0.0)),
            out_dense=((0, 0.0), (1, 0.0)),
        )
    )
    draw = np.random.default_rng(0)
    for factor in (1.3, 2, 3, 5, 8):
        importance = {"a": draw.gamma(1, size=32), "b": draw.gamma(1, size=64)}
        widths = allocate(GROUPS, WORKS, importance, line, SpeedUp(factor))
        taken = predicted_ns(WORKS, line, widths)
        wider = [
            {**widths, name: wide}
            for name, width in widths.items()
            for wide in range(width + 8, {"a": 32, "b": 64}[name] + 1, 8)
        ]
        assert all(predicted_ns(WORKS, line, one) > taken for one in wider)


def test_what_the_last_step_took_too_much_is_given_back() -> None:
    works = (
        a_work("a", "pool", 1.0, of({"a": 1}), of({"a": 1})),
        a_work("b", "conv", 1.0, of(fixed=1), of({"b": 1})),
    )
    line = stepped(costs(a_pool=((0, 0.0), (32, 320.0)), b_conv=((0, 0.0), (64, 3_200.0))))
    # a's channels are worth nothing and leave first, which is not enough; half of b's, the least that saves time, are
    # more than enough without any of a's
    importance = {"a": np.concatenate([np.ones(8), np.full(24, 1e-9)]), "b": np.ones(64)}
    assert allocate(GROUPS, works, importance, line, SpeedUp(1.5)) == {"a": 32, "b": 32}


def test_what_saves_no_time_does_not_leave_for_the_sake_of_time() -> None:
    works = tuple(a_work(name, "pool", 1.0, of({name: 1}), of({name: 1})) for name in "ab")
    line = costs(a_pool=((0, 7.0), (32, 7.0)), b_pool=((0, 0.0), (64, 640.0)))
    importance = {"a": np.concatenate([np.ones(8), np.full(24, 1e-9)]), "b": np.ones(64)}
    assert allocate(GROUPS, works, importance, line, SpeedUp(1.2)) == {"a": 32, "b": 48}


def test_importance_that_is_not_finite_keeps_a_group_whole() -> None:
    assert allocate(GROUPS, WORKS, {"a": np.full(32, np.inf), "b": np.ones(64)}, None, Share(0.5)) == {"a": 32, "b": 16}
