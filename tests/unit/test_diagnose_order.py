"""The order of the classes: told where another one is plainly right, and not where a model is merely bad."""

from __future__ import annotations

import numpy as np
import pytest

from edge_opt.stages import diagnose
from edge_opt.stages.diagnose.order import symptoms
from edge_opt.types import Accuracy, Behaviour, Symptom, TrainingEvidence

CLASSES = tuple("abcdefghij")


def behaviour(labels: list[int], answers: list[int]) -> Behaviour:
    scores = tuple(int(a == b) for a, b in zip(labels, answers, strict=True))
    accuracy = Accuracy(
        metric="top1",
        condition="clean",
        split="certification",
        scores=scores,
        predictions=tuple(answers),
        value=sum(scores) / len(scores),
        per_class={},
        confidences=(0.9,) * len(scores),
    )
    return Behaviour(
        model="original",
        accuracy=accuracy,
        labels=tuple(labels),
        calibration_error=0.0,
        latency_ns=None,
        size_bytes=1,
        robustness=None,
    )


def answered(order: list[int], wrong: float) -> Behaviour:
    """A model that answers class ``i`` as ``order[i]``, but for a share of random answers."""
    rng = np.random.default_rng(0)
    labels = np.arange(1000) % 10
    answers = np.where(rng.random(1000) < wrong, rng.integers(0, 10, 1000), np.asarray(order)[labels])
    return behaviour(labels.tolist(), answers.tolist())


def found(behaved: Behaviour) -> list[Symptom]:
    return list(symptoms(behaved, CLASSES))


def test_a_good_model_with_its_classes_in_another_order_is_told_with_both_accuracies() -> None:
    (one,) = found(answered([9, 8, 4, 3, 2, 5, 6, 7, 0, 1], wrong=0.1))
    assert one.severity == "problem"
    assert one.facts["accuracy"] == pytest.approx(0.37, abs=0.04)
    assert one.facts["reordered"] == pytest.approx(0.91, abs=0.02)
    assert one.facts["moved"] == 6
    assert set(one.names) == set("abcei" + "j")


def test_it_stands_first_and_explains_what_follows_from_it() -> None:
    behaved = answered([9, 8, 4, 3, 2, 5, 6, 7, 0, 1], wrong=0.1)
    first, *others = diagnose.diagnose(None, TrainingEvidence(history=None, fit=None), None, behaved, CLASSES)
    assert first.code == "EO615"
    assert not [one for one in others if one.severity == "problem"]


@pytest.mark.parametrize("wrong", [0.0, 0.3, 0.6])
def test_a_model_in_the_right_order_is_never_told_so(wrong: float) -> None:
    assert not found(answered(list(range(10)), wrong))


def test_a_model_that_takes_one_class_for_another_is_no_case_of_it() -> None:
    assert not found(answered([0, 0, 2, 3, 4, 5, 6, 7, 8, 9], wrong=0.1))


def test_a_model_that_guesses_is_no_case_of_it() -> None:
    assert not found(answered(list(range(10)), wrong=1.0))


def test_a_class_of_a_few_samples_says_nothing() -> None:
    assert not found(behaviour([0, 0, 1, 1], [1, 1, 0, 0]))
