from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from edge_opt import confidence, stats
from edge_opt.errors import InputError
from edge_opt.inputs import corruptions
from edge_opt.stages import quality
from edge_opt.stages.observe.robustness import of_robustness
from edge_opt.types import Accuracy, Robustness

SAMPLES = 1000


def an_accuracy(scores: np.ndarray, condition: str, confidences: np.ndarray | None = None) -> Accuracy:
    return Accuracy(
        metric="top1",
        condition=condition,
        split="selection",
        scores=tuple(scores.astype(int).tolist()),
        predictions=tuple(scores.astype(int).tolist()),
        value=float(scores.mean()),
        per_class={},
        confidences=() if confidences is None else tuple(confidences.tolist()),
    )


def a_robustness(
    changed: float = 0.0, drop: float = 0.0, sure: float = 0.0, seed: int = 0, samples: int = SAMPLES, only: str = ""
) -> Robustness:
    """Answers of which the share ``changed`` differs from those of the original, ``drop`` more lost than gained."""
    rng, noise = np.random.default_rng(0), np.random.default_rng(seed + 1)
    conditions = []
    for condition in corruptions.conditions():
        right = rng.random(samples) < 0.7
        moved = noise.random(samples)
        lost, gained = (changed + drop) / 2 / 0.7, (changed - drop) / 2 / 0.3
        if condition.startswith(only):
            right = np.where(right, moved >= lost, moved < gained)
        conditions.append(an_accuracy(right, condition))
    founded = rng.uniform(0.5, 0.95, samples)
    clean = an_accuracy(rng.random(samples) < founded, "clean", founded + sure)
    return of_robustness("original", clean, conditions)


def test_the_loss_of_robustness_is_the_mean_paired_difference_over_all_conditions() -> None:
    before, after = a_robustness(), a_robustness(0.3, 0.03)
    found = quality.compare("a", before, after, 0.01)
    lost = np.mean(
        [np.subtract(b.scores, a.scores) for b, a in zip(before.conditions, after.conditions, strict=True)], axis=0
    )
    assert found.robustness.loss.estimate == pytest.approx(before.value - after.value)
    low, high = scipy.stats.norm.interval(0.9, lost.mean(), lost.std() / np.sqrt(SAMPLES))
    assert (found.robustness.loss.low, found.robustness.loss.high) == pytest.approx((low, high))
    assert found.robustness.limit == 0.01


@pytest.mark.parametrize(
    ("drop", "limit", "status"), [(0.0, 0.01, "pass"), (0.05, 0.01, "fail"), (0.03, 0.03, "unclear")]
)
def test_robustness_passes_fails_or_is_unclear_by_its_bounds(drop: float, limit: float, status: str) -> None:
    found = quality.compare("a", a_robustness(), a_robustness(0.1, drop), limit)
    assert found.robustness.status == status


def test_the_rise_of_the_calibration_error_is_that_of_the_clean_answers() -> None:
    before, after = a_robustness(), a_robustness(sure=0.06)
    found = quality.compare("a", before, after, 0.01)
    errors = [confidence.calibration_error(one.clean.scores, one.clean.confidences) for one in (before, after)]
    assert found.calibration.loss.estimate == pytest.approx(errors[1] - errors[0])
    assert found.calibration.limit == quality.MOST_RISE
    assert [one.code for one in quality.findings(found)] == ["EO205"]


def test_single_conditions_are_tested_as_mcnemar_does_and_corrected_as_holm_does() -> None:
    before, after = a_robustness(), a_robustness(0.15, 0.10, only="noise@5")
    found = quality.compare("a", before, after, 0.01)
    difference = np.subtract(before.conditions[34].scores, after.conditions[34].scores)
    assert before.conditions[34].condition == "noise@5"
    lost, gained = int((difference > 0).sum()), int((difference < 0).sum())
    exact = scipy.stats.binomtest(lost, lost + gained, 0.5, alternative="greater").pvalue
    assert found.conditions[34].p_value == pytest.approx(min(1, 40 * exact))
    assert found.conditions[34].loss == stats.tango_interval(lost, gained, SAMPLES)
    assert {one.p_value for one in found.conditions if one.condition != "noise@5"} == {1.0}
    (told,) = [one for one in quality.findings(found) if one.code == "EO206"]
    assert (told.level, "1 of 40" in told.message, "noise@5" in told.message) == ("info", True, True)


def test_nothing_is_said_of_an_artifact_that_keeps_both() -> None:
    assert quality.findings(quality.compare("a", a_robustness(), a_robustness(0.02), 0.01)) == ()


def test_a_loss_over_the_limit_is_an_error_and_an_unclear_one_a_warning() -> None:
    over = quality.findings(quality.compare("a", a_robustness(), a_robustness(0.1, 0.05), 0.01))
    unclear = quality.findings(quality.compare("a", a_robustness(), a_robustness(0.1, 0.03), 0.03))
    assert ("EO204", "error") in {(one.code, one.level) for one in over}
    assert ("EO204", "warning") in {(one.code, one.level) for one in unclear}


def test_many_lost_conditions_are_named_up_to_four() -> None:
    told = quality.findings(quality.compare("a", a_robustness(), a_robustness(0.2, 0.15), 0.5))
    (one,) = [finding for finding in told if finding.code == "EO206"]
    assert "40 of 40" in one.message
    assert one.message.endswith("and 36 more")


def test_the_baseline_itself_passes_by_definition_and_a_handful_of_equal_answers_does_not() -> None:
    before = a_robustness(samples=20)
    assert quality.compare("a", before, before, 0.0).robustness.status == "pass"
    found = quality.compare("a", before, replace(before, model="a"), 0.01)
    assert (found.robustness.status, found.calibration.status) == ("unclear", "unclear")
    assert [one.level for one in quality.findings(found)] == ["warning", "warning"]


def test_robustness_on_other_samples_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="same samples"):
        quality.compare("a", a_robustness(), a_robustness(samples=500), 0.01)
    fewer = a_robustness()
    with pytest.raises(InputError, match="same samples"):
        quality.compare("a", fewer, replace(fewer, conditions=fewer.conditions[:5]), 0.01)


def test_calibration_is_not_compared_without_labels() -> None:
    before = a_robustness()
    unlabelled = replace(before, clean=replace(before.clean, metric="agreement"))
    with pytest.raises(InputError, match="labelled"):
        quality.compare("a", unlabelled, unlabelled, 0.01)
