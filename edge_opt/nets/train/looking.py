"""How well a network does on the selection split, and which changes of a picture the teacher does not mind."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets.frameworks import tensorflow
from edge_opt.nets.train.answering import Answering, Scale, answering, logits
from edge_opt.nets.train.samples import Augmentation, opened
from edge_opt.types import Lesson

_MOST = 2000  # samples of the selection split that are looked at mirrored
_WORSE = 0.03  # of them may be wrong besides: a shoe or a 3 that is mirrored is another thing
_DULL = 0.5  # of the contrast
_MUCH_WORSE = 0.15  # of them may be wrong besides: where the light says what a thing is, more are
_GUESSING = 0.97  # of the cross-entropy of guessing: who is no better knows nothing
_LEAST_SIZE = 16  # a smaller picture is a table of features as often as not


def judged(answers: NDArray[np.float32], labels: NDArray[np.int64], kind: Scale) -> tuple[float, float]:
    """The share of ``answers`` ``(n, classes)`` that is right, and the mean cross-entropy with ``labels``."""
    tf = tensorflow()
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits(tf.constant(answers), kind))
    return float(np.mean(answers.argmax(1) == labels)), float(tf.reduce_mean(loss))


def unlearned(before: tuple[float, float], now: tuple[float, float], classes: int) -> bool:
    """Whether accuracy and loss ``now`` are those of guessing, and no better than ``before``.

    So are those of networks without normalisation that learned at too high a rate. Where channels have gone, a loss may
    be worse than that of guessing though many answers are right: it is better only if no fewer of them are.
    """
    better = now[1] < before[1] and now[0] >= before[0]
    return not better and now[1] > _GUESSING * math.log(classes)


def augmentation(teacher: Any, lesson: Lesson) -> Augmentation:
    """How training pictures may be changed without becoming something else; ``()`` for arrays.

    They are shifted by up to a 14th of their size where they have at least 16×16 pixels, mirrored where ``teacher``
    names the mirrored selection split as well, within 3 points, and seen in another light where it names those of half
    the contrast, within 15 points.
    """
    samples = opened(lesson, int(teacher.outputs[0].shape[-1]))
    return tolerated(answering(teacher), samples.selection, samples.selection_labels, samples.picture)


def tolerated(
    asked: Answering,
    selection: NDArray[np.float32],
    labels: NDArray[np.int64],
    picture: tuple[int, int] | None,
) -> Augmentation:
    """:func:`augmentation` from what the teacher answers to some pictures."""
    if picture is None or min(selection.shape[axis] for axis in picture) < _LEAST_SIZE:
        return ()
    some, right = selection[:_MOST], labels[:_MOST]
    plain = float(np.mean(asked(some).argmax(1) == right))
    mirrored = float(np.mean(asked(np.flip(some, picture[1])).argmax(1) == right))
    mean = some.mean(axis=picture, keepdims=True)
    dull = float(np.mean(asked(mean + (some - mean) * _DULL).argmax(1) == right))
    found: list[Literal["shift", "flip", "light"]] = ["shift"]
    if mirrored >= plain - _WORSE:
        found.append("flip")
    if dull >= plain - _MUCH_WORSE:
        found.append("light")
    return tuple(found)
