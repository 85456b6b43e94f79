"""What a network is asked before any training: how wrong it is, and how far its answers are from the original's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets.frameworks import tensorflow
from edge_opt.nets.train.answering import Scale, answers, logits, scale
from edge_opt.types import Context

LOOKED_AT = 1024  # samples by which networks are judged, and on which statistics are measured
_BATCH = 64


class Likeness:
    """How far the answers of networks are from the teacher's: cross-entropy in nats, over some samples."""

    def __init__(self, teacher: Any, context: Context) -> None:
        asked = _asked(teacher, context)
        self._inputs, self._kind = asked.inputs, asked.kind
        self._wanted = tensorflow().nn.softmax(logits(asked.answers, asked.kind))

    def __call__(self, net: Any) -> float:
        """That of ``net``."""
        tf = tensorflow()
        given = logits(answers(net, self._inputs), self._kind)
        return float(tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(self._wanted, given)))


def question(teacher: Any, context: Context) -> tuple[list[tuple[Any, Any]], Callable[[Any, Any], Any]]:
    """Samples in batches with the class of each, and the loss of answering another.

    Without labels, the classes are drawn by the probabilities that the original gives them, as for Fisher's
    information: measured against the probabilities themselves, the original has no fault, and all gradients are zero.
    """
    tf, asked = tensorflow(), _asked(teacher, context)
    if context.lesson.labels is not None:
        classes = np.load(context.lesson.labels)[asked.places]
    else:
        shares = np.asarray(tf.nn.softmax(logits(asked.answers, asked.kind)), np.float64).cumsum(axis=1)
        drawn = asked.rng.random((len(shares), 1)) * shares[:, -1:]
        classes = (shares < drawn).sum(axis=1)

    def loss(targets: Any, found: Any) -> Any:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits(found, asked.kind))

    starts = range(0, len(classes), _BATCH)
    return [(asked.inputs[at : at + _BATCH], classes[at : at + _BATCH]) for at in starts], loss


@dataclass(frozen=True, eq=False)
class _Asked:
    """Samples of a lesson, and what the teacher answers to them."""

    places: NDArray[np.int64]
    inputs: NDArray[Any]
    answers: NDArray[np.float32]
    kind: Scale
    rng: np.random.Generator


def _asked(teacher: Any, context: Context) -> _Asked:
    inputs, rng = np.load(context.lesson.inputs, mmap_mode="r"), np.random.default_rng(context.seed)
    places = np.sort(rng.permutation(len(inputs))[:LOOKED_AT])
    some = np.asarray(inputs[places])
    found = answers(teacher, some)
    return _Asked(places, some, found, scale(teacher, found), rng)
