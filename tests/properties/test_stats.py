from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_opt import stats


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int, int]:
    """Lost, gained and all samples."""
    samples = draw(st.integers(1, 20_000))
    lost = draw(st.integers(0, samples))
    return lost, draw(st.integers(0, samples - lost)), samples


@given(counts(), st.floats(0.5, 0.99))
def test_tangos_interval_holds_its_estimate_within_one(pairs: tuple[int, int, int], confidence: float) -> None:
    found = stats.tango_interval(*pairs, confidence=confidence)
    assert -1 <= found.low <= found.estimate <= found.high <= 1


@given(counts())
def test_exchanging_the_models_turns_the_interval_round(pairs: tuple[int, int, int]) -> None:
    lost, gained, samples = pairs
    there, back = stats.tango_interval(lost, gained, samples), stats.tango_interval(gained, lost, samples)
    assert there.low == pytest.approx(-back.high, abs=1e-9)
    assert there.high == pytest.approx(-back.low, abs=1e-9)


@given(counts(), st.floats(0.5, 0.9))
def test_more_confidence_is_a_wider_interval(pairs: tuple[int, int, int], confidence: float) -> None:
    narrow = stats.tango_interval(*pairs, confidence=confidence)
    wide = stats.tango_interval(*pairs, confidence=confidence + 0.09)
    assert wide.low <= narrow.low + 1e-12
    assert narrow.high <= wide.high + 1e-12


@given(counts().filter(lambda pairs: pairs[0] + pairs[1] < pairs[2]))
def test_one_more_loss_never_makes_the_drop_look_smaller(pairs: tuple[int, int, int]) -> None:
    lost, gained, samples = pairs
    fewer, more = stats.tango_interval(lost, gained, samples), stats.tango_interval(lost + 1, gained, samples)
    assert fewer.low <= more.low + 1e-12
    assert fewer.high <= more.high + 1e-12


@given(counts(), st.floats(0.001, 0.2))
def test_the_samples_to_decide_are_no_fewer_than_there_are(pairs: tuple[int, int, int], limit: float) -> None:
    lost, gained, samples = pairs
    needed = stats.samples_to_decide(samples, lost, gained, limit)
    assert needed is None or needed >= samples


LATENCIES = st.lists(st.floats(1e3, 1e9), min_size=1, max_size=12)


@given(LATENCIES, st.integers(0, 9))
def test_a_model_is_exactly_as_fast_as_itself(rounds: list[float], seed: int) -> None:
    found = stats.ratio_interval(rounds, rounds, seed=seed)
    assert (found.low, found.estimate, found.high) == (1, 1, 1)


@given(LATENCIES, st.integers(0, 9))
def test_an_interval_of_rounds_lies_within_their_range_around_the_median(rounds: list[float], seed: int) -> None:
    found = stats.median_interval(rounds, seed=seed)
    assert min(rounds) <= found.low <= found.estimate <= found.high <= max(rounds)
