"""One step of training: the loss of distillation, its gradient clipped, and Adam."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets.frameworks import tensorflow
from edge_opt.nets.train.answering import Scale, called, logits, unfolded

_FIRST, _SECOND, _SMALL = 0.9, 0.999, 1e-7
_NORM = 1.0  # of all gradients together


class Stepper:
    """A student under training, and what Adam remembers of it.

    Source: Hinton et al. (2015), *Distilling the Knowledge in a Neural Network*, section 2: the softened answers count
    by the square of the temperature, so that ``soft`` keeps its meaning whatever that is. Wen et al. (2019), *Preparing
    Lessons: Improve Knowledge Distillation with Better Supervision*: where there are labels and the teacher is wrong by
    them, the label has it all.
    """

    def __init__(self, student: Any, kind: Scale, temperature: float, soft: float) -> None:
        tf = tensorflow()
        self._student, self._kind, self._temperature, self._soft = student, kind, temperature, soft
        self._weights = [variable.value for variable in student.trainable_variables]
        self._sizes = [int(np.prod(weight.shape)) for weight in self._weights]
        self._first = tf.Variable(tf.zeros(sum(self._sizes)), trainable=False)
        self._second = tf.Variable(tf.zeros(sum(self._sizes)), trainable=False)
        self._count = tf.Variable(0.0, trainable=False)
        # without XLA: on CPU it takes 4 s to compile and is as fast at best, nine times slower with depthwise layers
        self._run = tf.function(self._step, autograph=False)

    def __call__(
        self, inputs: NDArray[np.float32], taught: NDArray[np.float32], labels: NDArray[np.int64], rate: float
    ) -> float:
        """The loss of one batch, before the student has learned from it; ``taught`` are the teacher's answers."""
        tf = tensorflow()
        return float(self._run(tf.constant(inputs), tf.constant(taught), tf.constant(labels), tf.constant(rate)))

    def memory(self) -> tuple[NDArray[np.float32], ...]:
        """What Adam remembers, for :meth:`remember`."""
        return tuple(np.array(part.numpy()) for part in (self._first, self._second, self._count))

    def remember(self, memory: tuple[NDArray[np.float32], ...]) -> None:
        """Go on from an earlier :meth:`memory`."""
        for part, value in zip((self._first, self._second, self._count), memory, strict=True):
            part.assign(value)

    def forget(self) -> None:
        """Begin anew."""
        self.remember(tuple(np.zeros_like(part) for part in self.memory()))

    def _step(self, inputs: Any, taught: Any, labels: Any, rate: Any) -> Any:
        tf = tensorflow()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._weights)
            found = unfolded(called(self._student, inputs, training=True), self._kind)
            loss = self._loss(found, taught, labels)
        gradients = tape.gradient(loss, self._weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        # all weights as one vector: a network of many small layers spends its time on operators otherwise
        flat = tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], 0)
        flat *= tf.minimum(1.0, _NORM / (tf.norm(flat) + 1e-12))
        count = self._count.assign_add(1.0)
        first = self._first.assign(_FIRST * self._first + (1 - _FIRST) * flat)
        second = self._second.assign(_SECOND * self._second + (1 - _SECOND) * tf.square(flat))
        unbiased = tf.sqrt(1 - tf.pow(_SECOND, count)) / (1 - tf.pow(_FIRST, count))
        by = rate * unbiased * first / (tf.sqrt(second) + _SMALL)
        for weight, part in zip(self._weights, tf.split(by, self._sizes), strict=True):
            weight.assign_sub(tf.reshape(part, weight.shape))
        return loss

    def _loss(self, found: Any, taught: Any, labels: Any) -> Any:
        tf = tensorflow()
        total = tf.constant(0.0)
        share = tf.constant(self._soft)
        if self._soft > 0:
            told = logits(taught, self._kind)
            if self._soft < 1:
                share *= tf.cast(tf.argmax(told, 1) == labels, tf.float32)
            wanted = tf.nn.softmax(told / self._temperature)
            softened = tf.nn.softmax_cross_entropy_with_logits(wanted, found / self._temperature)
            total += tf.reduce_mean(share * self._temperature**2 * softened)
        if self._soft < 1:
            hard = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, found)
            total += tf.reduce_mean((1 - share) * hard)
        return total
