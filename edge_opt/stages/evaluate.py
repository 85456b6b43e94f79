"""An artifact and labelled inputs → its accuracy, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge_opt import registry
from edge_opt.types import Accuracy, Entry

Split = Literal["selection", "certification"]


def evaluate(entry: Entry, inputs: Path, outputs: Path, device: registry.Device) -> NDArray[np.float32]:
    """What the artifact answers, ``(n, classes)`` float32, for the ``(n, …)`` float32 array in the file ``inputs``.

    ``outputs`` is the ``.npy`` the worker writes. Raises StepFailed where the runtime fails or answers NaN.
    """
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
    found: NDArray[np.float32] = np.load(answer["outputs"])
    return found


def score(
    outputs: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    split: Split,
    reference: NDArray[np.float32] | None = None,
) -> Accuracy:
    """Top-1 of ``outputs`` ``(n, classes)`` against ``labels`` ``(n,)``, overall and per class.

    With the framework's own outputs as ``reference``, also the largest absolute difference to them, and the
    largest as a share of the largest output of its sample (or of 1): float32 keeps seven digits of large logits too.
    """
    predictions = outputs.argmax(axis=1)
    scores = predictions == labels
    apart = scaled = None
    if reference is not None:
        differences = np.abs(outputs - reference)
        apart = float(differences.max())
        scaled = float((differences / np.maximum(1, np.abs(reference).max(axis=1, keepdims=True))).max())
    return Accuracy(
        metric="top1",
        condition="clean",
        split=split,
        scores=tuple(int(one) for one in scores),
        predictions=tuple(int(one) for one in predictions),
        value=float(scores.mean()),
        per_class={
            name: float(scores[labels == index].mean()) for index, name in enumerate(classes) if (labels == index).any()
        },
        max_abs_difference=apart,
        max_scaled_difference=scaled,
    )
