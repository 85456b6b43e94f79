from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edge_opt.errors import InputError
from edge_opt.stages import evaluate, guard
from edge_opt.types import Accuracy
from tests.samples import a_recipe, an_accuracy, changed


def scored(*scores: int) -> Accuracy:
    """An accuracy with these scores."""
    return replace(an_accuracy(0), scores=scores, predictions=(0,) * len(scores), value=sum(scores) / len(scores))


def paired(lost: int, gained: int, samples: int) -> tuple[Accuracy, Accuracy]:
    """Baseline and candidate that differ on ``lost`` and ``gained`` samples."""
    both = (1,) * (samples - lost - gained)
    return scored(*both, *(1,) * lost, *(0,) * gained), scored(*both, *(0,) * lost, *(1,) * gained)


def test_a_small_drop_on_many_samples_passes() -> None:
    verdict = guard.judge(*paired(90, 80, 10_000), 0.01)
    assert verdict.status == "pass"
    assert (verdict.samples, verdict.discordant, verdict.limit) == (10_000, 170, 0.01)
    assert verdict.drop.estimate == pytest.approx(0.001)
    assert verdict.drop.confidence == 0.9
    assert verdict.drop.high <= 0.01
    assert verdict.findings == ()
    assert verdict.samples_to_decide is None


def test_a_large_drop_fails_and_says_by_how_much() -> None:
    verdict = guard.judge(*paired(400, 100, 10_000), 0.01)
    (finding,) = verdict.findings
    assert (verdict.status, finding.code, finding.level) == ("fail", "EO200", "error")
    assert finding.message == "top1 drop 3.00 pp (90% interval 2.64 … 3.37) is over the limit of 1.00 pp"
    assert "dynamic_int8" in finding.hint


def test_a_drop_on_too_few_samples_is_unclear_and_says_how_many_would_do() -> None:
    verdict = guard.judge(*paired(30, 26, 1_000), 0.01)
    (finding,) = verdict.findings
    assert (verdict.status, finding.code, finding.level) == ("unclear", "EO201", "warning")
    assert verdict.samples_to_decide is not None
    assert verdict.samples_to_decide > 1_000
    assert "from 1,000 samples" in finding.message
    assert finding.hint == "evaluate on about 4,300 samples"


def test_a_drop_that_is_the_limit_cannot_be_decided_by_more_samples() -> None:
    verdict = guard.judge(*paired(20, 10, 1_000), 0.01)
    assert (verdict.status, verdict.samples_to_decide) == ("unclear", None)
    assert "--max-drop" in verdict.findings[0].hint


def test_a_model_without_a_single_lost_sample_still_needs_enough_of_them() -> None:
    few, many = (guard.judge(*paired(0, 0, samples), 0.01) for samples in (200, 300))
    assert (few.status, many.status) == ("unclear", "pass")
    assert few.samples_to_decide == math.ceil(1.6448536**2 * 0.99 / 0.01)  # z² (1 - limit) / limit


@pytest.mark.parametrize(
    "changes",
    [
        {"scores": (1, 1)},
        {"scores": ()},
        {"split": "certification"},
        {"condition": "rotation@3"},
    ],
)
def test_accuracies_of_other_samples_are_not_compared(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="same samples"):
        guard.judge(scored(1, 1, 0), replace(scored(1, 1, 0), **changes), 0.01)  # type: ignore[arg-type]


def test_two_models_without_samples_are_not_compared_either() -> None:
    nothing = replace(an_accuracy(0), scores=(), predictions=())
    with pytest.raises(InputError, match="same samples"):
        guard.judge(nothing, nothing, 0.01)


def test_a_gain_that_cannot_be_told_is_no_negative_drop() -> None:
    before = an_accuracy(1_321)
    verdict = guard.judge(before, changed(before, lost=70, gained=72), 0.01)
    assert verdict.status == "unclear"
    assert "the top1 drop, here 0.13 points better" in verdict.findings[0].message
    assert "(90% interval of the drop -" in verdict.findings[0].message


def test_too_few_samples_are_told_before_the_work_starts() -> None:
    finding = guard.enough(1_000, 0.01)
    assert finding is not None
    assert (finding.code, finding.level) == ("EO202", "warning")
    assert "about 3,100 are needed where 5% of the answers change" in finding.message


def test_samples_on_which_nothing_could_pass_are_told_with_the_number_that_could() -> None:
    assert (guard.certifiable(267, 0.01), guard.certifiable(268, 0.01), guard.certifiable(10**6, 0)) == (0, 1, 0)
    finding = guard.enough(200, 0.01)
    assert finding is not None
    assert finding.message.startswith("200 samples cannot show a drop within 1.00 pp: even if no answer changed")
    assert "at least 270 labelled samples" in finding.hint


@pytest.mark.parametrize("limit", [0.0, 0.01])
def test_the_baseline_passes_against_itself_however_few_the_samples(limit: float) -> None:
    baseline = scored(1, 0, 1)
    verdict = guard.judge(baseline, baseline, limit)
    assert (verdict.status, verdict.findings, verdict.discordant) == ("pass", (), 0)
    assert (verdict.drop.low, verdict.drop.high) == (0, 0)
    assert guard.judge(baseline, replace(baseline, value=baseline.value), limit).status == "unclear"


def apart(difference: float | None) -> Accuracy:
    """An accuracy whose outputs are that far from the framework's own."""
    return replace(scored(1, 1, 0), max_scaled_difference=difference)


def test_a_float32_artifact_that_answers_otherwise_than_the_framework_is_refused() -> None:
    finding = guard.parity(a_recipe("float32"), {}, apart(0.002))
    assert finding is not None
    assert (finding.code, finding.level) == ("EO401", "error")
    assert "by 0.002 of their size, more than 0.0001" in finding.message


def test_rounding_and_lower_precision_are_not_held_against_an_artifact() -> None:
    assert guard.parity(a_recipe("float32"), {}, apart(0.00009)) is None
    assert guard.parity(a_recipe("float32"), {}, apart(None)) is None
    assert guard.parity(a_recipe("float32"), {"precision": "bf16"}, apart(0.01)) is None
    assert guard.parity(a_recipe("static_int8"), {}, apart(0.1)) is None


def test_the_difference_of_large_logits_is_taken_as_a_share_of_them() -> None:
    reference = np.array([[30.0, -2.0], [0.5, 0.1]], np.float32)
    outputs = reference + np.array([[0.003, 0.0], [0.0, 0.0]], np.float32)
    accuracy = evaluate.score(outputs, np.array([0, 0]), ("a", "b"), "selection", reference)
    assert accuracy.max_abs_difference == pytest.approx(0.003, rel=1e-3)
    assert accuracy.max_scaled_difference == pytest.approx(0.0001, rel=1e-3)


def test_enough_samples_need_no_word() -> None:
    assert guard.enough(10_000, 0.01) is None
    assert guard.enough(1_300, 0.01, discordance=0.02) is None
    assert guard.enough(200, 0.2) is None


def test_a_limit_of_nothing_is_told_to_be_out_of_reach() -> None:
    finding = guard.enough(10**9, 0.0)
    assert finding is not None
    assert finding.message.startswith("no number of samples")


def test_the_class_that_loses_the_most_is_named() -> None:
    labels = [0] * 500 + [1] * 500
    baseline = scored(*(1,) * 1_000)
    candidate = scored(*(0,) * 60, *(1,) * 940)
    finding = guard.worst_class(baseline, candidate, labels, ("coat", "shirt"))
    assert finding is not None
    assert (finding.code, finding.level) == ("EO203", "info")
    assert finding.message.startswith("class 'coat' loses 12.00 pp of its 500 samples, ")
    assert finding.message.endswith("while top1 over all classes loses 6.00 pp")


def test_no_class_is_named_where_all_lose_alike_or_the_samples_are_few() -> None:
    labels = [0, 1] * 500
    candidate = scored(*(0,) * 60, *(1,) * 940)
    assert guard.worst_class(scored(*(1,) * 1_000), candidate, labels, ("coat", "shirt")) is None
    assert guard.worst_class(scored(1, 1, 1), scored(0, 1, 1), [0, 1, 2], ("coat", "shirt", "bag")) is None


def test_labels_of_other_samples_are_refused() -> None:
    with pytest.raises(InputError, match="2 labels"):
        guard.worst_class(scored(1, 1, 1), scored(1, 1, 1), [0, 1], ("coat", "shirt"))


def test_a_model_at_the_limit_passes_once_in_twenty_times() -> None:
    rng = np.random.default_rng(7)
    drawn = rng.multinomial(2_000, [0.03, 0.02, 0.95], size=4_000)
    passes = np.mean([guard.decide(int(lost), int(gained), 2_000, 0.01)[0] == "pass" for lost, gained, _ in drawn])
    assert passes == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 4_000))


def test_the_committed_simulation_keeps_its_word(checkout: Path) -> None:
    found = json.loads((checkout / "benchmarks" / "results" / "guard_power.json").read_text())
    noise = 2 * found["monte_carlo_error"]
    at_the_limit = [one for one in found["curves"] if one["drop"] == found["limit"]]
    assert len(at_the_limit) == 15
    assert all(one["guard_pass"] <= 0.05 + noise for one in at_the_limit)
    assert all(one["guard_pass"] >= 0.05 - noise for one in at_the_limit if one["samples"] * one["discordance"] >= 50)
    (raw,) = (
        one["raw_pass"]
        for one in found["curves"]
        if (one["samples"], one["discordance"], one["drop"]) == (1_000, 0.05, 0.015)
    )
    assert raw == pytest.approx(0.26, abs=0.01)  # 0.24 by the normal approximation
    powers = [one["guard_pass"] for one in found["curves"] if (one["drop"], one["discordance"]) == (0, 0.05)]
    assert all(fewer < more for fewer, more in pairwise(powers))
