"""What the teacher answers to samples that never change, asked once and kept in a file until the training ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets.train.answering import Answering
from edge_opt.nets.train.samples import Samples


class Teaching:
    """The teacher's answers to the samples as they are, ``(n, classes)`` float32; rows not asked for yet are NaN."""

    def __init__(self, answer: Answering, samples: Samples, classes: int, path: Path) -> None:
        self._answer, self._samples, self._path = answer, samples, path
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (len(samples.inputs), classes)
        if path.exists() and path.stat().st_size == 4 * shape[0] * shape[1]:
            self._known = np.memmap(path, np.float32, "r+", shape=shape)
        else:
            self._known = np.memmap(path, np.float32, "w+", shape=shape)
            self._known[:] = np.nan

    def __call__(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """The answers to the samples at ``places`` ``(b,)``."""
        if np.isnan(self._known[places]).any():
            self._known[places] = self._answer(self._samples.inputs[places])
        return np.array(self._known[places])

    def close(self) -> None:
        """Leave nothing behind."""
        del self._known
        self._path.unlink(missing_ok=True)
