"""An artifact and inputs → its accuracy, or its agreement with another model, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry, stats
from edge_opt.store import array
from edge_opt.types import Accuracy, Entry, Metric, Split


def evaluate(entry: Entry, inputs: Path, outputs: Path, device: registry.Device) -> NDArray[np.float32]:
    """What the artifact answers, ``(n, classes)`` float32, for the ``(n, …)`` float32 array in the file ``inputs``.

    ``outputs`` is the ``.npy`` the worker writes. Raises StepFailed where the runtime fails or answers NaN.
    """
    return evaluate_by(entry, inputs, outputs, device)[0]


def evaluate_by(entry: Entry, inputs: Path, outputs: Path, device: registry.Device) -> tuple[NDArray[np.float32], str]:
    """The same, and the package and version of the runtime that answered."""
    answer = device.run(
        {
            "protocol": 1,
            "mode": "predict",
            "artifacts": [entry.job()],
            "threads": 1,
            "inputs": str(inputs.resolve()),
            "outputs": str(outputs.resolve()),
        }
    )
    return array(Path(answer["outputs"])), str(answer.get("runtime_version", ""))


@dataclass(eq=False)
class Tally:
    """The best guesses of one artifact so far, and how far its outputs were from the framework's own.

    Outputs are added part by part and forgotten: those of all samples would be as large as the split is long.
    """

    predictions: list[NDArray[np.int64]] = field(default_factory=list)
    confidences: list[NDArray[np.float32]] | None = None  # [] where they are to be kept
    apart: float | None = None
    scaled: float | None = None

    def add(self, outputs: NDArray[np.float32], reference: NDArray[np.float32] | None = None) -> None:
        """Count the ``outputs`` ``(n, classes)`` of the next samples; ``reference`` are the framework's own."""
        self.predictions.append(outputs.argmax(axis=1))
        if self.confidences is not None:
            self.confidences.append(stats.probabilities(outputs).max(axis=1))
        if reference is None:
            return
        differences = np.abs(outputs - reference)
        scaled = differences / np.maximum(1, np.abs(reference).max(axis=1, keepdims=True))
        self.apart = max(self.apart or 0.0, float(differences.max()))
        self.scaled = max(self.scaled or 0.0, float(scaled.max()))

    def accuracy(
        self, labels: NDArray[np.int64], classes: Sequence[str], split: Split, metric: Metric = "top1"
    ) -> Accuracy:
        """How many of the guesses are ``labels`` ``(n,)``, overall and per class.

        For ``agreement``, the labels are what another model answered. The largest difference of the outputs stands
        there also as a share of the largest output of its sample (or of 1): float32 keeps seven digits of large logits.
        """
        predictions = np.concatenate(self.predictions)
        scores = predictions == labels
        return Accuracy(
            metric=metric,
            condition="clean",
            split=split,
            scores=tuple(scores.astype(int).tolist()),
            predictions=tuple(predictions.tolist()),
            value=float(scores.mean()),
            per_class={
                name: float(scores[labels == index].mean())
                for index, name in enumerate(classes)
                if (labels == index).any()
            },
            max_abs_difference=self.apart,
            max_scaled_difference=self.scaled,
            confidences=tuple(np.concatenate(self.confidences).astype(np.float64).round(4).tolist())
            if self.confidences
            else (),
        )


def score(
    outputs: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    split: Split,
    reference: NDArray[np.float32] | None = None,
    metric: Metric = "top1",
) -> Accuracy:
    """The accuracy of ``outputs`` ``(n, classes)`` for all samples at once, as :class:`Tally` counts it."""
    tally = Tally()
    tally.add(outputs, reference)
    return tally.accuracy(labels, classes, split, metric)
