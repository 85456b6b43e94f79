from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from edge_opt import confidence


def plain_error(scores: np.ndarray, confidences: np.ndarray, bins: int = 15) -> float:
    """As Guo et al. write it, over bins of equal mass, with its bias."""
    order = np.argsort(confidences)
    parts = zip(np.array_split(scores[order], bins), np.array_split(confidences[order], bins), strict=True)
    return float(sum(len(s) * abs(s.mean() - c.mean()) for s, c in parts) / len(scores))


def answers(samples: int, bias: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    founded = rng.uniform(0.3, 0.9, samples)
    return (rng.random(samples) < founded).astype(float), founded + bias


def test_the_error_of_many_samples_is_the_plain_one_less_little() -> None:
    scores, sure = answers(30_000, 0.08)
    assert confidence.calibration_error(scores, sure) == pytest.approx(plain_error(scores, sure), abs=1e-3)
    assert confidence.calibration_error(scores, sure) == pytest.approx(0.08, abs=0.01)


def test_the_bias_that_is_subtracted_is_that_of_resampled_bins() -> None:
    """One bin: the mean of |gap + noise| found by drawing, as Kumar et al. do it."""
    scores, sure = np.array([1.0] * 28 + [0.0] * 10), np.full(38, 0.7)
    gap = scores.mean() - 0.7
    drawn = gap + math.sqrt(scores.mean() * (1 - scores.mean()) / 38) * np.random.default_rng(0).standard_normal(10**6)
    expected = max(0.0, 2 * abs(gap) - np.abs(drawn).mean())
    assert confidence.calibration_error(scores, sure) == pytest.approx(expected, abs=5e-4)


def test_the_mean_distance_of_a_normal_is_that_of_scipys_folded_normal() -> None:
    for distance, error in [(0.0, 0.1), (0.05, 0.1), (0.3, 0.1), (0.2, 1.0)]:
        expected = scipy.stats.foldnorm.mean(distance / error, scale=error)
        assert confidence._folded(distance, error) == pytest.approx(expected)


def test_a_perfectly_calibrated_model_has_a_smaller_error_than_the_plain_one_says() -> None:
    pairs = [answers(1000, 0.0, seed) for seed in range(40)]
    found = np.mean([confidence.calibration_error(*pair) for pair in pairs])
    plain = np.mean([plain_error(*pair) for pair in pairs])
    assert found < 0.7 * plain


def test_a_model_that_is_sure_and_right_has_no_error() -> None:
    assert confidence.calibration_error([1] * 50, [1.0] * 50) == 0


def test_equally_sure_answers_may_come_in_any_order() -> None:
    """Sorted by class, the first bins would hold the wrong ones only."""
    scores = np.repeat([0.0, 1.0], [300, 700])
    assert confidence.calibration_error(scores, np.full(1000, 0.7)) < 0.03


def test_an_error_needs_a_confidence_for_each_score() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        confidence.calibration_error([1, 0], [0.5])
    with pytest.raises(ValueError, match="no pairs"):
        confidence.calibration_error([], [])


def test_a_rise_is_the_difference_of_the_errors_within_its_bounds() -> None:
    scores, sure = answers(3000, 0.05)
    found = confidence.rise_interval((scores, sure), (scores, sure + 0.03))
    errors = [confidence.calibration_error(scores, one) for one in (sure, sure + 0.03)]
    assert found.estimate == pytest.approx(errors[1] - errors[0])
    assert found.low < 0.03 < found.high < 0.04
    assert found.confidence == 0.90


def test_the_upper_bound_is_never_below_the_distance_that_confidences_moved() -> None:
    """Also where the first model is perfectly calibrated, and the difference of the errors says less."""
    scores, sure = answers(2000, 0.0)
    found = confidence.rise_interval((scores, sure), (scores, sure + 0.02))
    assert found.estimate < 0.02 <= found.high


def test_the_same_answers_are_no_rise_and_few_samples_no_proof() -> None:
    for samples in (30, 3000):
        pair = answers(samples, 0.1)
        found = confidence.rise_interval(pair, pair)
        assert (found.low, found.estimate) == (0, 0)
        assert found.high >= 1.64**2 / samples
    assert found.high < 0.01


def test_a_rise_is_the_same_every_time() -> None:
    before, after = answers(500, 0.0), answers(500, 0.1)
    assert confidence.rise_interval(before, after) == confidence.rise_interval(before, after)


def test_a_rise_needs_the_same_samples() -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        confidence.rise_interval(answers(40, 0), answers(41, 0))
