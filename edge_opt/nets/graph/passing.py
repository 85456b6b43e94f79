"""What layers and operations without weights for each channel do with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edge_opt.nets.graph.atoms import Ids, only_along, placed, plain, whole
from edge_opt.nets.graph.flat import Call, Tensor
from edge_opt.nets.graph.shapes import area, channel_axis, elementwise, mixing
from edge_opt.nets.graph.walk import Cut, Walk

# ── what passes on ─────────────────────────────────────────────────────────────────────────────────────────────────


def passing(walk: Walk, call: Call) -> None:
    """Every value goes its own way."""
    if len(call.inputs) != 1 or not _scalar(call):
        return walk.unknown(call)
    ids = walk.ids(call.inputs[0])
    if not elementwise(call.operation):
        walk.atoms.fix(ids, mixing(call, call.operation.activation))
    walk.set(call.outputs[0], ids)


def staying(walk: Walk, call: Call) -> None:
    """Every channel stays, and where it is: each value depends on all."""
    walk.atoms.fix(walk.ids(call.inputs[0]), mixing(call))
    walk.set(call.outputs[0], walk.ids(call.inputs[0]))


def _scalar(call: Call) -> bool:
    """Whether no constant array takes part, which would be one for these channels only."""
    if call.is_layer:
        given = [call.operation.scale, call.operation.offset] if call.kind == "Rescaling" else []
    else:
        given = [*call.arguments, *call.options.values()]
    return all(isinstance(one, Tensor) or np.ndim(one) == 0 for one in given)


def spatial(walk: Walk, call: Call) -> None:
    """Each channel by itself, its places changed."""
    (source,) = call.inputs
    axis = channel_axis(call)
    if not only_along(walk.ids(source), axis):
        return walk.unknown(call)
    walk.set(call.outputs[0], walk.ids(source))
    if "Pooling" in call.kind:
        ids = walk.along(source, axis, mixing(call))
        walk.effort(call, "pool", area(source.shape[1:], axis), ids, ids)


def pooled(walk: Walk, call: Call) -> None:
    """One value for each channel."""
    (source,) = call.inputs
    axis = channel_axis(call)
    ids = walk.along(source, axis, mixing(call))
    walk.set(call.outputs[0], placed(ids, axis, len(source.shape) - 1) if call.operation.keepdims else ids)
    walk.effort(call, "pool", area(source.shape[1:], axis), ids, ids)


def reduced(walk: Walk, call: Call) -> None:
    """A mean or the like, over axes on which no channel depends."""
    (source,) = call.inputs
    rank = len(source.shape)
    axes = sorted(axis % rank for axis in call.operation.axis or range(rank))
    ids = walk.ids(source)
    if 0 in axes or any(ids.shape[axis - 1] > 1 for axis in axes):
        return walk.unknown(call)
    walk.set(call.outputs[0], ids if call.operation.keepdims else ids.squeeze(tuple(axis - 1 for axis in axes)))


# ── what brings tensors together ───────────────────────────────────────────────────────────────────────────────────


def merging(walk: Walk, call: Call) -> None:
    """Channels at one place are one, but where a single one is spread over many."""
    answer = call.outputs[0]
    rank = len(answer.shape) - 1
    if not _scalar(call) or any(len(tensor.shape) - 1 != rank for tensor in call.inputs):
        return walk.unknown(call)
    operands = [(walk.ids(tensor), tensor.shape[1:]) for tensor in call.inputs]
    shape = np.broadcast_shapes(*(ids.shape for ids, _ in operands))
    result: Ids | None = None
    for ids, sizes in operands:
        if any(size == 1 and wide > 1 for size, wide in zip(sizes, shape, strict=True)):
            walk.atoms.fix(ids, f"{type(call.operation).__name__} spreads one channel over many")
            continue
        spread = np.broadcast_to(ids, shape)
        if result is None:
            result = spread
        else:
            walk.atoms.join(result, spread)
    if result is None:
        return walk.unknown(call)
    walk.set(answer, result)


def concatenate(walk: Walk, call: Call) -> None:
    """One after the other; along another axis than that of the channels, what lies there is one."""
    rank = len(call.outputs[0].shape)
    axis = call.operation.axis % rank - 1
    parts = [walk.ids(tensor) for tensor in call.inputs]
    sizes = [tensor.shape[1:] for tensor in call.inputs]
    if axis < 0:
        return walk.unknown(call)
    if all(part.shape[axis] == 1 and part.size > 1 for part in parts) and len({part.shape for part in parts}) == 1:
        for part in parts[1:]:
            walk.atoms.join(parts[0], part)
        return walk.set(call.outputs[0], parts[0])
    if not all(only_along(part, axis) and size[axis] is not None for part, size in zip(parts, sizes, strict=True)):
        return walk.unknown(call)
    joined = [walk.along(tensor, axis, "") for tensor in call.inputs]
    walk.set(call.outputs[0], placed(np.concatenate(joined), axis, rank - 1))


# ── what puts values elsewhere ─────────────────────────────────────────────────────────────────────────────────────


def flatten(walk: Walk, call: Call) -> None:
    """All values in a row."""
    (source,) = call.inputs
    ids = whole(walk.ids(source), source.shape[1:])
    if ids is None:
        return walk.unknown(call)
    if call.operation.data_format == "channels_first" and ids.ndim > 1:
        ids = np.moveaxis(ids, 0, -1)
    walk.set(call.outputs[0], ids.reshape(-1))


def reshape(walk: Walk, call: Call) -> None:
    """Values in another shape: where channels come to lie along two axes, they leave by whole slices."""
    (source,), (answer,) = call.inputs, call.outputs
    ids = whole(walk.ids(source), source.shape[1:])
    shape: Any = answer.shape[1:]
    if ids is None or None in shape or ids.size != math.prod(shape):
        return walk.unknown(call)
    found = plain(ids.reshape(shape))
    places = [axis for axis, size in enumerate(found.shape) if size > 1]
    for axis in places[:-1]:
        first = found.take([0], axis)
        walk.atoms.join(np.broadcast_to(first, found.shape), found)
        found = first
    walk.set(answer, found)
    target = call.operation.target_shape if call.is_layer else shape
    sizes = tuple(
        int(size) if size == -1 or found.shape[axis] == 1 else found.ravel() for axis, size in enumerate(target)
    )
    if call.is_layer:
        walk.cuts[id(call.operation)] = Cut(config={"target_shape": sizes})
    else:
        walk.cuts[id(call.operation)] = Cut(config={"newshape": (-1, *sizes)})


def permute(walk: Walk, call: Call) -> None:
    """Axes in another order."""
    axes = call.operation.dims if call.is_layer else (call.operation.axes or range(len(call.inputs[0].shape))[::-1])[1:]
    walk.set(call.outputs[0], walk.ids(call.inputs[0]).transpose([axis - 1 for axis in axes]))
