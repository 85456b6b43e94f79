"""What networks answer, in batches, and what their answers are: probabilities, scores of each class, or logits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import ModelError
from edge_opt.nets.frameworks import tensorflow

Scale = Literal["probabilities", "sigmoids", "logits"]
Answering = Callable[[NDArray[Any]], NDArray[np.float32]]

_MOST_VALUES = 2**20  # of the inputs in one batch
_LEAST = 1e-20  # a probability below it has no logarithm in float32
_LEAST_REST = 1e-7  # what the sigmoid of a large number leaves of 1
_SUM = 1e-3  # how far the probabilities of a model in lower precision may be from 1 together


def answers(model: Any, inputs: NDArray[Any]) -> NDArray[np.float32]:
    """What ``model`` answers to ``inputs`` ``(n, …)``, ``(n, classes)`` float32, computed in batches."""
    return answering(model)(inputs)


def answering(model: Any) -> Answering:
    """:func:`answers` of one model, traced once and good for whatever its weights become."""
    tf = tensorflow()
    fixed = fixed_batch(model)

    @tf.function(reduce_retracing=True, autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
    def answer(x: Any) -> Any:
        return called(model, x, training=False)

    def run(inputs: NDArray[Any]) -> NDArray[np.float32]:
        batch = fixed or int(np.clip(_MOST_VALUES // max(1, math.prod(inputs.shape[1:])), 1, 256))
        found = []
        for start in range(0, len(inputs), batch):
            given = np.asarray(inputs[start : start + batch])
            missing = batch - len(given) if fixed else 0
            if missing:
                given = np.concatenate([given, np.repeat(given[-1:], missing, axis=0)])
            found.append(np.asarray(answer(tf.constant(given)), np.float32)[: len(given) - missing])
        return np.concatenate(found)

    return run


def called(model: Any, x: Any, *, training: bool) -> Any:
    """The one answer of ``model`` to the tensor ``x``, float32, in a graph or outside."""
    tf = tensorflow()
    answer = model(tf.cast(x, model.inputs[0].dtype), training=training)
    while isinstance(answer, (dict, list, tuple)):
        (answer,) = answer.values() if isinstance(answer, dict) else answer
    return tf.cast(answer, tf.float32)


def fixed_batch(model: Any) -> int | None:
    """The number of samples that ``model`` takes at a time; None where that is free."""
    found = model.inputs[0].shape[0]
    return None if found is None else int(found)


def scale(model: Any, found: NDArray[np.float32]) -> Scale:
    """What the answers ``found`` ``(n, classes)`` of ``model`` are. Raises ModelError where they are no numbers."""
    if not np.isfinite(found).all():
        raise ModelError(
            f"'{model.name}' answers with NaN or infinite values",
            "its weights have probably diverged: look at the loss of its training",
        )
    if found.min() >= 0 and np.abs(found.sum(1) - 1).max() <= _SUM:
        return "probabilities"
    activation = getattr(getattr(model.layers[-1], "activation", None), "__name__", "")
    return "sigmoids" if activation == "sigmoid" else "logits"


def logits(found: Any, kind: Scale) -> Any:
    """Answers ``(n, classes)`` as numbers whose softmax says how probable each class is; a tensor."""
    tf = tensorflow()
    if kind == "logits":
        return found
    log = tf.math.log(tf.maximum(found, _LEAST))
    return log if kind == "probabilities" else log - tf.math.log(tf.maximum(1 - found, _LEAST_REST))


def unfolded(found: Any, kind: Scale) -> Any:
    """The same from inside a graph: what went into the softmax or the sigmoid that made ``found``.

    A network that is sure of the wrong class has no gradient behind them: the probability of the right one is 0 there.
    """
    last = {"probabilities": "Softmax", "sigmoids": "Sigmoid"}.get(kind)
    return found.op.inputs[0] if found.op.type == last else logits(found, kind)
