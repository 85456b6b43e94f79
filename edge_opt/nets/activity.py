"""What the channels of a Keras model do: how many of a layer answer the same to every sample."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.types import Activity

_LOOKED_AT = {
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "Conv2DTranspose",
    "Dense",
}
# What may stand between the weights and the answer of a channel: the channel is judged behind it.
_BETWEEN = {"BatchNormalization", "Dropout", "MaxPooling2D"}
_ACTIVATIONS = {"Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU"}
_MOST_VALUES = 2**20  # of the inputs in one batch: what every layer answers to it is held in memory
_FLAT = 1e-6  # of the widest channel of its layer: two roundings of one number differ by less


def observe(model: Any, inputs: NDArray[Any]) -> tuple[Activity, ...]:
    """How many channels of each convolution and dense layer but the last are constant over all ``inputs``.

    A channel is looked at behind its activation, also where that is a layer of its own, with normalisation before it.
    ``model`` is one of Keras 3 or of tf_keras, the models inside it included; it is not to be used afterwards.
    """
    watched = _Watched()
    for name, layer in _leaves(model):
        watched.watch(name, layer)
    batch = (model.inputs[0].shape[0] if model.inputs else None) or _batch(inputs)
    for start in range(0, len(inputs), batch):
        model(inputs[start : start + batch], training=False)
        watched.settle()
    return watched.found()


def _batch(inputs: NDArray[Any]) -> int:
    return int(np.clip(_MOST_VALUES // max(1, math.prod(inputs.shape[1:])), 1, 64))


def _leaves(model: Any, outer: str = "") -> Iterator[tuple[str, Any]]:
    """The layers that hold no others, by the names that ``describe.keras_layers`` gives them."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer, f"{outer}{layer.name}/")
        else:
            yield f"{outer}{layer.name}", layer


class _Watched:
    """The calls of layers as a model runs, and the range of every channel so far."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, Any, list[Any], Any]] = []  # name, layer, what went in, what came out
        self._ranges: dict[str, tuple[str, NDArray[Any], NDArray[Any]]] = {}  # in the order in which layers were called

    def watch(self, name: str, layer: Any) -> None:
        """Write down every call of ``layer``.

        Its ``call`` is replaced, since a model that was made of the tensors in between could not reach into models
        inside it, nor into one that is a class of its own.
        """
        original = layer.call

        def call(*arguments: Any, **options: Any) -> Any:
            answer = original(*arguments, **options)
            self._calls.append((name, layer, list(_tensors((arguments, options))), answer))
            return answer

        layer.call = call

    def settle(self) -> None:
        """Take the ranges of one batch over, and let go of its tensors."""
        for name, layer, _, answer in self._calls:
            if type(layer).__name__ in _LOOKED_AT and hasattr(answer, "shape"):
                self._widen(name, layer, self._behind(layer, answer))
        self._calls.clear()

    def _behind(self, layer: Any, answer: Any) -> Any:
        """What comes of ``answer`` behind its activation."""
        activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
        while activation == "linear":
            takers = [call for call in self._calls if any(given is answer for given in call[2])]
            kind = type(takers[0][1]).__name__ if len(takers) == 1 else ""
            if kind not in _BETWEEN | _ACTIVATIONS:
                break
            answer = takers[0][3]
            activation = "linear" if kind in _BETWEEN else kind
        return answer

    def _widen(self, name: str, layer: Any, answer: Any) -> None:
        values = np.asarray(answer.numpy(), np.float32)
        axis = 1 if getattr(layer, "data_format", "") == "channels_first" else values.ndim - 1
        rest = tuple(place for place in range(values.ndim) if place != axis)
        low, high = values.min(axis=rest), values.max(axis=rest)
        if name in self._ranges:
            _, lowest, highest = self._ranges[name]
            low, high = np.minimum(low, lowest), np.maximum(high, highest)
        self._ranges[name] = type(layer).__name__, low, high

    def found(self) -> tuple[Activity, ...]:
        """The layers in the order in which they were called, without the last, which answers."""
        return tuple(
            Activity(layer=name, kind=kind, channels=len(low), dead=_constant(high - low))
            for name, (kind, low, high) in list(self._ranges.items())[:-1]
        )


def _constant(widths: NDArray[Any]) -> int:
    return int(np.count_nonzero(~(widths > _FLAT * np.nanmax(widths, initial=0.0))))


def _tensors(given: Any) -> Iterator[Any]:
    """Every tensor in arguments of whatever nesting."""
    if isinstance(given, dict):
        given = tuple(given.values())
    if isinstance(given, (tuple, list)):
        for one in given:
            yield from _tensors(one)
    elif hasattr(given, "shape"):
        yield given
