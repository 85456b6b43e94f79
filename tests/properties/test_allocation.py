"""Whatever the network and its costs: widths stay in their bounds, and goals are reached or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_opt.errors import InputError
from edge_opt.nets.allocation import Share, SpeedUp, allocate, predicted_ns, uniform, uniform_for
from edge_opt.types import LayerCost, OperatorCosts
from tests.unit.test_allocation import a_group, a_work, of


@st.composite
def chains(draw: st.DrawFn) -> Any:
    """A chain of layers of any kind, some fixed, measured or not."""
    widths = draw(st.lists(st.integers(1, 70), min_size=1, max_size=5))
    fixed = draw(st.lists(st.booleans(), min_size=len(widths), max_size=len(widths)))
    groups = [
        a_group(f"g{place}", width, "read" * one) for place, (width, one) in enumerate(zip(widths, fixed, strict=True))
    ]
    works, before = [], of(fixed=3)
    for one in groups:
        after = of({one.name: 1})
        kind = draw(st.sampled_from(("conv", "dense")))
        works.append(a_work(one.name, kind, draw(st.floats(1, 1e4)), before, after))
        before = of({one.name: draw(st.sampled_from((1, 9)))}, draw(st.integers(0, 3)))
        works.append(
            a_work(one.name, draw(st.sampled_from(("depthwise", "pool"))), draw(st.floats(1, 1e3)), before, before)
        )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    importance = {one.name: rng.gamma(0.5, size=one.width) for one in groups}
    if draw(st.booleans()):
        return groups, works, importance, None
    layers = [LayerCost(layer="", points=((0.0, 7.0), (1.0, 7.0)))]
    for one in works:
        xs = np.cumsum(rng.uniform(1, 1e5, draw(st.integers(2, 4))))
        layers.append(LayerCost(layer=f"{one.layer}/{one.kind}", points=tuple((x, rng.uniform(0, 1e6)) for x in xs)))
    costs = OperatorCosts(runtime="r", runtime_version="1", threads=1, layers=tuple(layers))
    return groups, works, importance, costs


@given(chains(), st.floats(1.05, 30), st.sampled_from((1, 4, 8)))
def test_a_speed_up_is_reached_or_refused_and_no_width_leaves_its_bounds(
    case: Any, factor: float, multiple: int
) -> None:
    groups, works, importance, costs = case
    full = {one.name: one.width for one in groups}

    def fast(widths: Mapping[str, int]) -> bool:
        return predicted_ns(works, costs, full) >= (factor - 1e-6) * predicted_ns(works, costs, widths)

    least = uniform(groups, 1.0, multiple)
    for choose in (
        lambda: allocate(groups, works, importance, costs, SpeedUp(factor), multiple),
        lambda: uniform_for(groups, works, costs, factor, multiple),
    ):
        try:
            widths = choose()
        except InputError:
            assert predicted_ns(works, costs, full) < factor * (1 + 1e-6) * predicted_ns(works, costs, least)
            continue
        assert fast(widths)
        for one in groups:
            kept = widths[one.name]
            assert kept == one.width or (not one.fixed and kept % multiple == 0 and multiple <= kept < one.width)


@given(chains(), st.floats(0, 1), st.sampled_from((1, 4, 8)))
def test_a_share_is_reached_or_refused(case: Any, share: float, multiple: int) -> None:
    groups, works, importance, costs = case
    able = sum(one.width for one in groups if not one.fixed)
    least = sum(uniform(groups, 1.0, multiple)[one.name] for one in groups if not one.fixed)
    try:
        widths = allocate(groups, works, importance, costs, Share(share), multiple)
    except InputError:
        assert able - least < share * able
        return
    removed = sum(one.width - widths[one.name] for one in groups)
    assert removed >= share * able - 1e-6
    assert removed < share * able + multiple or removed == 0
