"""The statistics of batch normalisation: measured again on samples, and quick to follow while training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets.frameworks import keras, tensorflow
from edge_opt.nets.train.answering import called, fixed_batch

_BATCH = 128
_MOMENTUM = 0.9  # of the usual 0.99, the statistics lag behind by more steps than a short training has


def reestimate(model: Any, inputs: NDArray[Any]) -> None:
    """Set the moving statistics of each batch normalisation in ``model`` to those of a pass over ``inputs``.

    Means are averaged over batches of 128, and variances with what the means of the batches differ by, so that the
    first normalisation of a network has exactly the mean and the variance of its samples. Dropout stays off.
    """
    layers = normalisations(model)
    if not layers:
        return
    batch = min(fixed_batch(model) or _BATCH, len(inputs))
    with contextlib.ExitStack() as stack:
        watched = [stack.enter_context(_watched(layer)) for layer in layers]
        # the rest of the last batch is left out: of a few samples, a variance says little
        for start in range(0, len(inputs) - batch + 1, batch):
            called(model, tensorflow().constant(np.asarray(inputs[start : start + batch])), training=False)
    for layer, found in zip(layers, watched, strict=True):
        if found:
            means, variances = (np.stack(part).astype(np.float64) for part in zip(*found, strict=True))
            layer.moving_mean.assign(means.mean(0))
            layer.moving_variance.assign(variances.mean(0) + means.var(0))


def normalisations(model: Any) -> list[Any]:
    """Each layer of batch normalisation in ``model``, those of models and layers inside it included."""
    kind = keras().layers.BatchNormalization
    return [layer for layer in model._flatten_layers(include_self=False) if isinstance(layer, kind)]


@contextlib.contextmanager
def following(model: Any) -> Iterator[None]:
    """The moving statistics of ``model`` follow within some ten steps, as long as this lasts."""
    before = [(layer, layer.momentum) for layer in normalisations(model)]
    for layer, momentum in before:
        layer.momentum = min(momentum, _MOMENTUM)
    try:
        yield
    finally:
        for layer, momentum in before:
            layer.momentum = momentum


@contextlib.contextmanager
def _watched(layer: Any) -> Iterator[list[tuple[NDArray[Any], NDArray[Any]]]]:
    """``layer`` normalises by each batch, and the means and variances of all of them, as long as this lasts."""
    found: list[tuple[NDArray[Any], NDArray[Any]]] = []
    call, momentum, trainable = layer.call, layer.momentum, layer.trainable

    def normalised(x: Any, training: bool | None = None, mask: Any = None) -> Any:
        answer = call(x, training=True, mask=mask)
        found.append((np.array(layer.moving_mean.numpy()), np.array(layer.moving_variance.numpy())))
        return answer

    # with a momentum of 0 the moving statistics are those of the batch; what was no number would stay so
    layer.moving_mean.assign(np.zeros(layer.moving_mean.shape))
    layer.moving_variance.assign(np.ones(layer.moving_variance.shape))
    layer.call, layer.momentum, layer.trainable = normalised, 0.0, True
    try:
        yield found
    finally:
        layer.momentum, layer.trainable = momentum, trainable
        layer.__dict__.pop("call", None)
