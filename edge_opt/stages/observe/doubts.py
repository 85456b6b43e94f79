"""Answers and labels → the labels that are likely wrong, by confident learning.

Source: Northcutt, Jiang and Chuang (2021), "Confident learning: estimating uncertainty in dataset labels", JAIR
70:1373-1411, section 3.1. A sample counts for a class where the model gives it at least the probability that it gives
that class on average to the samples labelled so; a sample that counts for another class than its own is doubtful.

What the paper takes for errors of the labels may as well be mistakes of the model. Those gather in a few pairs of
classes, as shirts and pullovers; labels that are wrong at random hit all pairs. So the rate that even the less confused
pairs show, times the pairs of a class, estimates how many labels are wrong at random: here from the lower quartile.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_opt.stages.observe.answers import Answers
from edge_opt.types import LabelDoubts

LEAST_CLASSES = 5  # fewer have no pairs that a model would not confuse
_QUARTILE = 0.25

Probabilities = NDArray[np.float32]
Labels = NDArray[np.int64]


def of_labels(split: str, answers: Answers) -> LabelDoubts:
    """The doubts about the labels of one split, the examples by how little the model believes them."""
    labels, given = answers.samples.labels, answers.probabilities
    counted = counts_for(given, labels)
    doubtful = (counted >= 0) & (counted != labels)
    own = given[np.arange(len(labels)), labels]
    worst = np.flatnonzero(doubtful)[np.argsort(own[doubtful], kind="stable")]
    return LabelDoubts(
        split=split,
        samples=len(labels),
        right=int((answers.predictions == labels).sum()),
        doubtful=int(doubtful.sum()),
        scattered=min(int(doubtful.sum()), round(scattered(counted, labels, given.shape[1]))),
        examples=tuple(answers.samples.name(int(i)) for i in worst[:5]),
    )


def counts_for(given: Probabilities, labels: Labels) -> Labels:
    """The class that each sample counts for, or -1: of those whose probability is usual for them, the most probable."""
    classes = given.shape[1]
    sizes = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=given[np.arange(len(labels)), labels], minlength=classes)
    usual = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)  # no sample can count for an empty class
    reached = np.where(given >= usual, given, -1.0)
    best = reached.argmax(axis=1)
    return np.where(reached.max(axis=1) >= 0, best, -1).astype(np.int64)


def scattered(counted: Labels, labels: Labels, classes: int) -> float:
    """About how many labels are wrong at random: the rate of the less confused pairs of classes, for all of them."""
    sure = counted >= 0
    present = np.flatnonzero(np.bincount(labels, minlength=classes))
    if len(present) < LEAST_CLASSES or not sure.any():
        return 0.0
    table = np.zeros((classes, classes))
    np.add.at(table, (counted[sure], labels[sure]), 1)
    table = table[np.ix_(present, present)]
    rates = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    others = rates[~np.eye(len(present), dtype=bool)]
    return float(np.quantile(others, _QUARTILE)) * (len(present) - 1) * len(labels)
