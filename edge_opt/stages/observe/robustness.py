"""Accuracies under every disturbance → how robust a model is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_opt.types import Accuracy, Robustness


def of_robustness(name: str, clean: Accuracy, conditions: Sequence[Accuracy]) -> Robustness:
    """How the model ``name`` answers the same samples, ``clean`` and under the ``conditions``, in their order."""
    return Robustness(
        model=name,
        split=clean.split,
        samples=len(clean.scores),
        clean=clean,
        conditions=tuple(conditions),
        value=float(np.mean([one.value for one in conditions])),
    )
