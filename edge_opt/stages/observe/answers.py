"""What a model answered to some samples: the ground of every other observation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_opt.inputs.dataset import Samples


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """The probabilities ``(n, classes)`` float32 that a model gives ``samples``; each row sums to 1."""

    samples: Samples
    probabilities: NDArray[np.float32]

    @property
    def predictions(self) -> NDArray[np.int64]:
        """The class of the highest probability, ``(n,)``."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)
