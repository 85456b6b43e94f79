"""Which contract the accuracy supports: chosen with its evidence, doubted where the samples cannot tell, or refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from edge_opt.errors import DataError
from edge_opt.stages.contract import binomial_tail, choose, doubt, finalists, mcnemar
from edge_opt.types import Preprocessing

RAW = Preprocessing(color="rgb", height=8, width=8)
UNIT = replace(RAW, scale=(1 / 255,), offset=(0.0,))
SIGNED = replace(RAW, scale=(1 / 127.5,), offset=(-1.0,))
SWAPPED = replace(UNIT, color="bgr")


def right(count: int, of: int = 500, start: int = 0) -> NDArray[np.bool_]:
    """``count`` right answers in a row, beginning at ``start``."""
    answers = np.zeros(of, bool)
    answers[np.arange(start, start + count) % of] = True
    return answers


def test_the_best_contract_is_chosen_with_the_accuracies_that_support_it() -> None:
    choice = choose({RAW: right(52), UNIT: right(441), SIGNED: right(300)}, chance=0.1)
    assert choice.contract == UNIT
    assert choice.accuracy == pytest.approx(0.882)
    assert [(finding.code, finding.level) for finding in choice.findings] == [("EO112", "info")]
    message = choice.findings[0].message
    assert "'rgb 8 x 8, pixel / 255': 88.20% on 500 samples" in message
    assert "next comes 'rgb 8 x 8, pixel / 127.5 - 1' with 60.00%" in message


def test_contracts_that_the_samples_cannot_tell_apart_are_a_warning() -> None:
    choice = choose({RAW: right(50), UNIT: right(440), SWAPPED: right(438, start=3)}, chance=0.1)
    assert choice.contract == UNIT
    assert [(finding.code, finding.level) for finding in choice.findings] == [("EO112", "info"), ("EO113", "warning")]
    assert "'bgr 8 x 8, pixel / 255' (87.60%, 4 of 500 samples differ)" in choice.findings[1].message
    assert "next comes 'rgb 8 x 8, pixel as it is'" in choice.findings[0].message


def test_of_contracts_that_cannot_be_told_apart_the_most_usual_is_taken() -> None:
    choice = choose({UNIT: right(438, start=3), SWAPPED: right(440), RAW: right(50)}, chance=0.1)
    assert choice.contract == UNIT
    assert choice.accuracy == pytest.approx(0.876)


def test_a_model_at_chance_is_doubted_and_a_good_one_is_not() -> None:
    labels = np.arange(300) % 3
    doubted = doubt(right(104, of=300), labels)
    assert doubted is not None
    assert (doubted.code, doubted.level) == ("EO115", "error")
    assert "34.67% of 300 samples" in doubted.message
    assert doubt(right(150, of=300), labels) is None


def test_on_a_tie_the_first_is_taken() -> None:
    for contracts in ((UNIT, SWAPPED), (SWAPPED, UNIT)):
        assert choose({contract: right(400) for contract in contracts}, chance=0.1).contract == contracts[0]


def test_one_likely_contract_needs_no_comparison() -> None:
    choice = choose({UNIT: right(400)}, chance=0.1)
    assert [finding.code for finding in choice.findings] == ["EO112"]


def test_nothing_better_than_chance_is_refused_with_what_was_tried() -> None:
    with pytest.raises(DataError) as caught:
        choose({RAW: right(52), UNIT: right(58), SIGNED: right(49), SWAPPED: right(50)}, chance=0.1)
    assert "better than chance, 10.00%, on 500 samples: 'rgb 8 x 8, pixel / 255' 11.60%" in caught.value.message
    assert "edge-opt init" in caught.value.hint


def test_always_answering_the_commonest_class_is_chance() -> None:
    with pytest.raises(DataError):
        choose({UNIT: right(450)}, chance=0.9)


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (5, 5), (10, 2), (1, 14), (300, 240)])
def test_the_comparison_is_the_exact_sign_test(wins: int, losses: int) -> None:
    first = np.array([True] * wins + [False] * losses + [True, False] * 20)
    second = np.array([False] * wins + [True] * losses + [True, False] * 20)
    expected = stats.binomtest(wins, wins + losses, 0.5).pvalue if wins + losses else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)


def test_many_discordant_pairs_do_not_overflow() -> None:
    assert mcnemar(right(5000, 5000), right(0, 5000)) == 0.0


@pytest.mark.parametrize(
    ("successes", "samples", "probability"), [(0, 10, 0.1), (3, 10, 0.1), (60, 500, 0.1), (500, 500, 0.5), (9, 10, 1.0)]
)
def test_chance_is_judged_by_the_exact_binomial_tail(successes: int, samples: int, probability: float) -> None:
    expected = stats.binom.sf(successes - 1, samples, probability)
    assert binomial_tail(successes, samples, probability) == pytest.approx(expected, rel=1e-9)


def test_answers_on_different_samples_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="the same samples"):
        choose({RAW: right(5, 10), UNIT: right(5, 11)}, chance=0.1)


def test_only_what_the_samples_cannot_tell_from_the_best_goes_on_to_more_samples() -> None:
    few = {RAW: right(15, 150), UNIT: right(130, 150), SIGNED: right(60, 150), SWAPPED: right(131, 150)}
    assert finalists(few) == (UNIT, SWAPPED)


def test_where_nothing_is_better_than_chance_every_contract_is_a_finalist() -> None:
    few = {RAW: right(15, 150), UNIT: right(16, 150, start=20), SIGNED: right(14, 150, start=40)}
    assert finalists(few) == (RAW, UNIT, SIGNED)


def test_contracts_that_left_earlier_still_count_against_chance() -> None:
    with pytest.raises(DataError, match="of 20 tried"):
        choose({UNIT: right(65)}, chance=0.1, tried=20)
    assert choose({UNIT: right(65)}, chance=0.1).contract == UNIT
