"""Poolings leave: the convolution before each of them computes only the places that are left, by a stride of its own.

A convolution whose every second answer is thrown away by a pooling computes four times what it has to. With a stride as
large as the pooling's window it has as many answers as the pooling had, from the same kernel; training makes up for
the largest of four being replaced by one of them.

Source: Springenberg et al. (2015), *Striving for Simplicity: The All Convolutional Net*, section 2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edge_opt.errors import InputError
from edge_opt.nets import train
from edge_opt.nets.chain import Chains, pointwise
from edge_opt.nets.graph import Call, Graph, Replacement, read, rebuilt
from edge_opt.types import Change, Context

_CONVOLUTION = re.compile(r"(?:Separable|Depthwise)?Conv(\d)D")
_POOLING = re.compile(r"(?:Max|Average)Pooling(\d)D")
_SCHEDULE = train.Schedule(epochs=10, rate=3e-3, soft=0.25)  # the original's kernels are near; labels teach most


@dataclass(frozen=True, eq=False)
class _Pair:
    """A convolution, the pooling behind it, and what the convolution's stride and padding become."""

    convolution: Call
    pooling: Call
    strides: tuple[int, ...]
    padding: str


class Strided:
    """The pass of the word ``strided``."""

    EXAMPLES = ("strided",)
    WORDS = "strided"
    PRICED = False

    def accepts(self, word: str) -> bool:
        """Whether it is that word."""
        return word == "strided"

    def says(self, word: str) -> str:
        """What leaves, and what takes its place."""
        return "poolings replaced by strides of the convolutions before them"

    def apply(self, word: str, net: Any, teacher: Any, context: Context) -> tuple[Any, Change]:
        """The network without the poolings that a stride can replace, trained to answer as before.

        Raises InputError where there are none.
        """
        graph = read(net)
        pairs = tuple(_pairs(graph))
        if not pairs:
            raise InputError(
                f"'{word}' finds no pooling that only its own convolution of stride 1 is in front of",
                "leave the pass out of the recipe; it takes MaxPooling or AveragePooling whose strides are its window, "
                "as in MaxPooling2D(2), with nothing but a normalisation, an activation or a dropout between the two",
            )
        student = rebuilt(graph, _replacing(pairs))
        schedule = replace(_SCHEDULE, seconds=context.seconds)
        student, how = train.recover(student, teacher, context, schedule, name=word, what=word)
        return student, Change(name=word, widths=(), removed=tuple(pair.pooling.name for pair in pairs), trained=(how,))


def _pairs(graph: Graph) -> Iterator[_Pair]:
    chains = Chains(graph)
    for call in graph.calls:
        if _CONVOLUTION.fullmatch(call.kind) and chains.once(call):
            pooling = next((one for one in chains.after(call) if not pointwise(one)), None)
            pair = _pair(call, pooling) if pooling else None
            if pair:
                yield pair


def _pair(call: Call, pooling: Call) -> _Pair | None:
    """The two as one, where the answer is as large as the pooling's; None where it cannot be."""
    layer, pool = call.operation, pooling.operation
    rank = len(call.outputs[0].shape) - 2
    if (match := _POOLING.fullmatch(pooling.kind)) is None or int(match[1]) != rank:
        return None
    window = tuple(pool.pool_size)
    ordinary = layer.data_format == pool.data_format == "channels_last"
    # Keras' depthwise kernels stride by the same in both directions, and none of them stride and dilate
    alike = len(set(window)) == 1 or call.kind.startswith("Conv")
    if not ordinary or not alike or tuple(pool.strides) != window or max(window) == 1:
        return None
    if set(_each(layer.strides, rank)) != {1} or set(_each(layer.dilation_rate, rank)) != {1}:
        return None
    kernel = _each(layer.kernel_size, rank)
    for padding in dict.fromkeys((layer.padding, "same", "valid")):
        found = tuple(map(_size, call.inputs[0].shape[1:-1], kernel, window, (padding,) * rank))
        if None not in found and found == pooling.outputs[0].shape[1:-1]:
            return _Pair(call, pooling, window, padding)
    return None


def _each(size: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (size,) * rank if isinstance(size, int) else tuple(size)


def _size(size: int | None, kernel: int, stride: int, padding: str) -> int | None:
    """How many places a strided convolution answers at."""
    if size is None:
        return None
    return (size - kernel) // stride + 1 if padding == "valid" else -(-size // stride)


def _replacing(pairs: Sequence[_Pair]) -> Callable[[Call], Replacement | None]:
    by_convolution = {id(pair.convolution): pair for pair in pairs}
    leaving = {id(pair.pooling) for pair in pairs}

    def answer(call: Call) -> Replacement | None:
        if id(call) in leaving:
            return Replacement()
        pair = by_convolution.get(id(call))
        return _strided(pair) if pair else None

    return answer


def _strided(pair: _Pair) -> Replacement:
    layer = pair.convolution.operation
    config = {**layer.get_config(), "name": pair.convolution.name, "strides": pair.strides, "padding": pair.padding}
    return Replacement(type(layer).from_config(config), layer.get_weights())


strided = Strided()
