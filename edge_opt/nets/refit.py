"""A layer that reads something else than before gets the kernel with which it answers most like before.

Least squares on samples, in closed form: a few seconds in place of the first epochs of a training.

Source: He et al. (2017), *Channel Pruning for Accelerating Very Deep Neural Networks*, section 3.1, "reconstruction".
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets import frameworks
from edge_opt.nets.train import answers

MOST_COLUMNS = 4096  # values that one answer is computed from: of more, the equations take too long to solve
_ROWS = 4  # answers for each of those values
_SAMPLES = (256, 4096)
_RIDGE = 1e-3  # of the mean square of the values, so that those that say the same do not cancel out one another
_BATCH = 128


def refit(before: Any, after: Any, name: str, inputs: NDArray[Any]) -> None:
    """Set the weights of the layer ``name`` in ``after`` so that its sums are closest to those in ``before``.

    A Dense or an ungrouped convolution, called once, of the same settings in both; ``inputs`` are those of both
    networks, ``(n, …)`` float32, of which as many are looked at as it takes.
    """
    layer = after.get_layer(name)
    columns, places = math.prod(layer.kernel.shape[:-1]), math.prod(layer.output.shape[1:-1])
    count = int(np.clip(math.ceil(_ROWS * columns / places), *_SAMPLES))
    wanted, seen = _sums(before, name), _windows(after, layer)
    width = layer.kernel.shape[-1]
    found = _Equations(columns, width)
    for start in range(0, min(count, len(inputs)), _BATCH):
        batch = np.asarray(inputs[start : min(start + _BATCH, count)])
        found.add(answers(seen, batch).reshape(-1, columns), answers(wanted, batch).reshape(-1, width))
    kernel, bias = found.solved(centred=layer.use_bias)
    layer.set_weights([kernel.reshape(layer.kernel.shape), bias][: 2 if layer.use_bias else 1])


def _sums(model: Any, name: str) -> Any:
    """A model that answers with what the layer ``name`` computes before its activation."""
    layer = model.get_layer(name)
    plain = type(layer).from_config({**layer.get_config(), "activation": None})
    sums = plain(layer.input)
    plain.set_weights(layer.get_weights())
    return frameworks.keras().Model(model.inputs, sums)


def _windows(model: Any, layer: Any) -> Any:
    """A model that answers with the values from which ``layer`` computes each of its answers, ``(n, …, columns)``."""
    keras = frameworks.keras()
    if type(layer).__name__ == "Dense":
        return keras.Model(model.inputs, layer.input)
    columns = math.prod(layer.kernel.shape[:-1])
    config = {**layer.get_config(), "filters": columns, "activation": None, "use_bias": False}
    # a kernel that hands every value of its window on: padding and dilation are right without being known here
    copying = type(layer).from_config(config)
    windows = copying(layer.input)
    copying.set_weights([np.eye(columns, dtype=np.float32).reshape(*layer.kernel.shape[:-1], columns)])
    return keras.Model(model.inputs, windows)


class _Equations:
    """The sums that a least-squares fit needs, added up batch by batch."""

    def __init__(self, columns: int, width: int) -> None:
        self._count = 0
        self._square, self._cross = np.zeros((columns, columns)), np.zeros((columns, width))
        self._seen, self._wanted = np.zeros(columns), np.zeros(width)

    def add(self, seen: NDArray[np.float32], wanted: NDArray[np.float32]) -> None:
        """Values read ``(rows, columns)`` and the answers to them ``(rows, width)``."""
        self._count += len(seen)
        self._square += seen.T @ seen
        self._cross += seen.T @ wanted
        self._seen += seen.sum(0, dtype=np.float64)
        self._wanted += wanted.sum(0, dtype=np.float64)

    def solved(self, *, centred: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The kernel ``(columns, width)`` and the bias ``(width,)``, which is 0 where not ``centred``."""
        seen, wanted = self._seen / self._count, self._wanted / self._count
        square, cross = self._square / self._count, self._cross / self._count
        if centred:
            square, cross = square - np.outer(seen, seen), cross - np.outer(seen, wanted)
        ridge = _RIDGE * max(float(np.trace(square)) / len(square), 1e-12)
        kernel = np.linalg.solve(square + ridge * np.eye(len(square)), cross)
        bias = wanted - seen @ kernel if centred else np.zeros_like(wanted)
        return kernel.astype(np.float32), bias.astype(np.float32)
