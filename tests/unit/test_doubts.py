"""Labels that are likely wrong: by hand, and planted at a known rate."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_opt.inputs.dataset.samples import ArraySamples
from edge_opt.stages.observe import doubts
from edge_opt.stages.observe.answers import Answers


def answers(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Answers:
    samples = ArraySamples(np.zeros((len(labels), 1)), labels, "x_test", np.arange(len(labels)))
    return Answers(samples=samples, probabilities=probabilities)


def test_a_case_by_hand() -> None:
    given = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6], [0.1, 0.9], [0.85, 0.15]], np.float32)
    labels = np.array([0, 0, 0, 1, 1, 1])
    # usual: class 0 gets (0.9 + 0.7 + 0.2) / 3 = 0.6 of its own, class 1 gets (0.6 + 0.9 + 0.15) / 3 = 0.55
    assert doubts.counts_for(given, labels).tolist() == [0, 0, 1, 1, 1, 0]
    found = doubts.of_labels("test", answers(given, labels))
    assert (found.samples, found.right, found.doubtful, found.scattered) == (6, 4, 2, 0)
    assert found.examples == ("x_test[5]", "x_test[2]")


def test_what_reaches_no_threshold_counts_for_nothing_and_an_empty_class_gets_none() -> None:
    given = np.array([[0.9, 0.05, 0.05], [0.45, 0.5, 0.05], [0.1, 0.9, 0.0], [0.0, 0.2, 0.8]], np.float32)
    labels = np.array([0, 0, 1, 1])
    # usual: 0.675, 0.55; nothing is labelled 2, so that not even 0.8 counts for it
    assert doubts.counts_for(given, labels).tolist() == [0, -1, 1, -1]


def a_model(samples: int, classes: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Answers of a model that confuses neighbours only, as shirts and pullovers, and the true classes."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, samples)
    logits = rng.normal(size=(samples, classes))
    logits[np.arange(samples), true] += 9
    near = true ^ 1
    logits[np.arange(samples), near] += rng.choice([0.0, 9.0], samples, p=[0.6, 0.4])
    spread = np.exp(logits)
    return (spread / spread.sum(axis=1, keepdims=True)).astype(np.float32), true


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_labels_that_are_wrong_at_random_are_counted_with_caution(rate: float) -> None:
    given, labels = a_model(5000, 10, 0)
    rng = np.random.default_rng(1)
    wrong = rng.random(5000) < rate
    labels = np.where(wrong, (labels + rng.integers(1, 10, 5000)) % 10, labels)
    found = doubts.of_labels("test", answers(given, labels))
    assert 0.35 * wrong.sum() < found.scattered < 1.15 * wrong.sum()  # a cautious estimate
    assert found.scattered <= found.doubtful
    named = [int(name[7:-1]) for name in found.examples]
    assert wrong[named].all()


def test_a_model_that_confuses_some_classes_has_doubts_but_none_of_them_scattered() -> None:
    given, labels = a_model(5000, 10, 0)
    found = doubts.of_labels("test", answers(given, labels))
    assert found.doubtful > 200
    assert found.scattered == 0


def test_two_classes_cannot_tell_errors_of_the_labels_from_those_of_the_model() -> None:
    given, labels = a_model(1000, 2, 0)
    assert doubts.of_labels("test", answers(given, 1 - labels)).scattered == 0
