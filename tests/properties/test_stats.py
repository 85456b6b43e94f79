from __future__ import annotations

from random import Random

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


P_VALUES = st.lists(st.floats(0, 1), max_size=60)


@given(P_VALUES)
def test_an_adjusted_p_value_is_no_smaller_than_its_own_and_no_larger_than_bonferronis(p_values: list[float]) -> None:
    for own, adjusted in zip(p_values, stats.holm(p_values), strict=True):
        assert own <= adjusted <= min(1, own * len(p_values)) + 1e-12


@given(P_VALUES, st.randoms())
def test_holm_keeps_the_order_of_the_p_values_and_does_not_depend_on_it(p_values: list[float], random: Random) -> None:
    adjusted = stats.holm(p_values)
    assert [adjusted[i] for i in sorted(range(len(p_values)), key=p_values.__getitem__)] == sorted(adjusted)
    shuffled = random.sample(range(len(p_values)), len(p_values))
    assert stats.holm([p_values[i] for i in shuffled]) == pytest.approx([adjusted[i] for i in shuffled])


@given(st.integers(0, 3000), st.integers(0, 3000), st.floats(0.001, 0.999))
def test_a_binomial_tail_is_a_probability_that_falls_with_the_count(least: int, trials: int, chance: float) -> None:
    here, beyond = stats.binomial_tail(least, trials, chance), stats.binomial_tail(least + 1, trials, chance)
    assert 0 <= beyond <= here + 1e-12 <= 1 + 1e-12


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.025, 1.0]), min_size=1, max_size=400))
def test_a_paired_mean_lies_within_its_interval_and_that_within_one(differences: list[float]) -> None:
    found = stats.mean_interval(differences)
    assert -1 <= found.low <= found.estimate <= found.high <= 1
    assert found.low < found.high
