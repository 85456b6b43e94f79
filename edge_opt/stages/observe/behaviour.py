"""What a model answered → how it behaves: its accuracy, its confusions, and how well its confidence is founded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_opt.confidence import calibration_error
from edge_opt.stages.observe.answers import Answers
from edge_opt.types import Accuracy, Behaviour, Robustness, Split


def of_behaviour(
    name: str,
    answers: Answers,
    classes: Sequence[str],
    split: Split,
    *,
    latency_ns: float | None,
    size_bytes: int,
    robustness: Robustness | None,
) -> Behaviour:
    """How the model ``name`` answered labelled samples of ``split``; the keywords were measured elsewhere."""
    labels, predictions = answers.samples.labels, answers.predictions
    scores = predictions == labels
    confidences = answers.probabilities.max(axis=1).astype(np.float64).round(4)
    return Behaviour(
        model=name,
        accuracy=Accuracy(
            metric="top1",
            condition="clean",
            split=split,
            scores=tuple(scores.astype(int).tolist()),
            predictions=tuple(predictions.tolist()),
            value=float(scores.mean()),
            per_class={
                one: float(scores[labels == index].mean()) for index, one in enumerate(classes) if index in labels
            },
            confidences=tuple(confidences.tolist()),
        ),
        labels=tuple(labels.tolist()),
        calibration_error=calibration_error(scores, confidences),
        latency_ns=latency_ns,
        size_bytes=size_bytes,
        robustness=robustness,
    )
