"""The history of a training, and what the model answers now → the evidence of how the training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge_opt.stages.observe.answers import Answers
from edge_opt.types import Fit, History, TrainingEvidence


def of_training(history: History | None, answers: Mapping[str, Answers], classes: Sequence[str]) -> TrainingEvidence:
    """What tells how the training went; ``answers`` are of labelled splits only, by their names.

    What was trained on stands against the validation split, or the test split where there is no other: both answered
    by the finished model, without the dropout and the augmentation that a history has in its training curve.
    """
    trained = answers.get("train")
    held_out = answers.get("validation") or answers.get("test")
    if trained is None or held_out is None or not len(trained.samples) or not len(held_out.samples):
        return TrainingEvidence(history=history, fit=None)
    counts = np.bincount(held_out.samples.labels, minlength=len(classes))
    fit = Fit(
        trained=_accuracy(trained),
        trained_samples=len(trained.samples),
        held_out=_accuracy(held_out),
        held_out_samples=len(held_out.samples),
        chance=float(counts.max() / counts.sum()),
    )
    return TrainingEvidence(history=history, fit=fit)


def _accuracy(answers: Answers) -> float:
    return float(np.mean(answers.predictions == answers.samples.labels))
