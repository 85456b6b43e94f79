"""What a network answers, and what it answers when it is disturbed → how much of the answers is lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def share(found: Sequence[NDArray[np.floating]], expected: Sequence[NDArray[np.floating]]) -> float:
    """The power of the noise in the answers ``found``, as a share of that of ``expected``: 0..1.

    The mean over the samples, one array each, of each at most 1: over all at once, those with the largest answers would
    speak for all. A sample without a signal counts as lost where there is noise.
    """
    return float(np.mean([_of_one(*both) for both in zip(found, expected, strict=True)]))


def _of_one(found: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    right = expected.astype(np.float64)
    noise, signal = float(np.square(found.astype(np.float64) - right).sum()), float(np.square(right).sum())
    return min(noise / signal, 1.0) if signal > 0 else float(noise > 0)
