from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edge_opt.stages import guard
from edge_opt.types import Accuracy
from tests.samples import an_accuracy

RANK = {"fail": 0, "unclear": 1, "pass": 2}
LIMITS = st.floats(0, 0.5)


def scored(scores: tuple[int, ...]) -> Accuracy:
    return replace(an_accuracy(0), scores=scores, predictions=scores, value=sum(scores) / len(scores))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Accuracy, Accuracy]:
    """Two models on the same samples."""
    answers = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60))
    times = draw(st.integers(1, 20))
    baseline, candidate = zip(*(answers * times), strict=True)
    return scored(baseline), scored(candidate)


@given(pairs(), LIMITS, LIMITS)
def test_a_verdict_is_monotone_in_the_limit(models: tuple[Accuracy, Accuracy], one: float, other: float) -> None:
    narrow, wide = (guard.judge(*models, limit) for limit in sorted((one, other)))
    assert RANK[narrow.status] <= RANK[wide.status]


@given(pairs(), LIMITS)
def test_a_model_never_loses_to_itself(models: tuple[Accuracy, Accuracy], limit: float) -> None:
    verdict = guard.judge(models[0], models[0], limit)
    assert verdict.status == "pass"
    assert (verdict.drop.estimate, verdict.discordant) == (0, 0)


@given(pairs(), LIMITS)
def test_the_drop_is_the_difference_of_the_two_accuracies(models: tuple[Accuracy, Accuracy], limit: float) -> None:
    baseline, candidate = models
    verdict = guard.judge(baseline, candidate, limit)
    assert abs(verdict.drop.estimate - (baseline.value - candidate.value)) < 1e-12
    assert verdict.drop.low <= verdict.drop.estimate <= verdict.drop.high


@given(pairs(), LIMITS)
def test_only_an_unclear_verdict_asks_for_samples_and_only_a_pass_says_nothing(
    models: tuple[Accuracy, Accuracy], limit: float
) -> None:
    verdict = guard.judge(*models, limit)
    assert verdict.samples_to_decide is None or verdict.status == "unclear"
    assert (verdict.findings == ()) is (verdict.status == "pass")


@given(pairs(), LIMITS)
def test_the_order_of_the_samples_does_not_matter(models: tuple[Accuracy, Accuracy], limit: float) -> None:
    turned = [scored(one.scores[::-1]) for one in models]
    assert guard.judge(*turned, limit) == guard.judge(*models, limit)
