"""What layers with weights do with channels: which axis of which weight is for which of them."""

from __future__ import annotations

import math

import numpy as np

from edge_opt.nets.graph.atoms import Ids, placed
from edge_opt.nets.graph.flat import Call
from edge_opt.nets.graph.shapes import area, channel_axis, elementwise, mixing, parts, usual
from edge_opt.nets.graph.walk import ALL, Cut, Reading, Walk

# ── what has weights for each channel ──────────────────────────────────────────────────────────────────────────────


def normalised(walk: Walk, call: Call) -> None:
    """Each channel by its own mean and scale."""
    (source,) = call.inputs[:1]
    axis = call.operation.axis % len(source.shape) - 1
    ids = walk.bind(call, "in", walk.along(source, axis, mixing(call)))
    walk.cuts[id(call.operation)] = Cut({ALL: {0: ids}})
    walk.set(call.outputs[0], walk.ids(source))


def scaled(walk: Walk, call: Call) -> None:
    """Each channel by a factor of its own."""
    (source,) = call.inputs
    ids = walk.bind(call, "in", walk.along(source, -1, mixing(call)))
    walk.cuts[id(call.operation)] = Cut({ALL: {0: ids}}, {"projection_dim": ids})
    walk.set(call.outputs[0], walk.ids(source))


def prelu(walk: Walk, call: Call) -> None:
    """A slope for each channel, or each value."""
    (source,) = call.inputs
    alpha = call.operation.alpha.shape
    varying = [axis for axis, size in enumerate(walk.ids(source).shape) if size > 1]
    if len(varying) > 1:
        return walk.unknown(call)
    axes = {}
    for axis in varying:
        ids = walk.bind(call, "in", walk.along(source, axis, mixing(call)))
        axes = {axis: ids} if alpha[axis] > 1 else {}
    walk.cuts[id(call.operation)] = Cut({ALL: axes})
    walk.set(call.outputs[0], walk.ids(source))


# ── what mixes channels by weights ─────────────────────────────────────────────────────────────────────────────────


def dense(walk: Walk, call: Call) -> None:
    """New channels of all along the last axis."""
    if not usual(call):
        return walk.unknown(call)
    (source,), layer = call.inputs, call.operation
    inputs = walk.bind(call, "in", walk.along(source, -1, mixing(call)))
    outputs = walk.produced(call, layer.units)
    walk.cuts[id(layer)] = Cut({"kernel": {0: inputs, 1: outputs}, "bias": {0: outputs}}, {"units": outputs})
    _mixed(walk, call, -1, inputs, outputs)
    walk.effort(call, "dense", math.prod(size or 1 for size in source.shape[1:-1]), inputs, outputs)


def convolution(walk: Walk, call: Call) -> None:
    """New channels of all, or of all in one's group; as many groups as channels are a depthwise convolution."""
    if not usual(call):
        return walk.unknown(call)
    (source,), layer = call.inputs, call.operation
    axis, groups = channel_axis(call), layer.groups
    inputs = walk.bind(call, "in", walk.along(source, axis, mixing(call)))
    positions = area(call.outputs[0].shape[1:], axis) * math.prod(layer.kernel_size)
    if groups == len(inputs) > 1:
        outputs = np.repeat(inputs, layer.filters // groups)
        walk.cuts[id(layer)] = Cut(
            {"kernel": {-1: outputs}, "bias": {0: outputs}}, {"filters": outputs, "groups": inputs}
        )
        walk.set(call.outputs[0], placed(outputs, axis, len(source.shape) - 1))
        return walk.effort(call, "depthwise", positions * layer.filters / groups, inputs, outputs)
    outputs = walk.produced(call, layer.filters)
    if groups > 1:
        for ids in (inputs, outputs):
            rows = ids.reshape(groups, -1)
            walk.atoms.join(np.broadcast_to(rows[:1], rows.shape), rows)
    walk.cuts[id(layer)] = Cut(
        {"kernel": {-2: inputs[: len(inputs) // groups], -1: outputs}, "bias": {0: outputs}}, {"filters": outputs}
    )
    _mixed(walk, call, axis, inputs, outputs)
    walk.effort(call, "conv", positions / groups, inputs, outputs)


def transposed(walk: Walk, call: Call) -> None:
    """New channels of all, spread over more places."""
    if not usual(call):
        return walk.unknown(call)
    (source,), layer = call.inputs, call.operation
    axis = channel_axis(call)
    inputs = walk.bind(call, "in", walk.along(source, axis, mixing(call)))
    outputs = walk.produced(call, layer.filters)
    walk.cuts[id(layer)] = Cut({"kernel": {-1: inputs, -2: outputs}, "bias": {0: outputs}}, {"filters": outputs})
    _mixed(walk, call, axis, inputs, outputs)
    walk.effort(call, "conv", area(source.shape[1:], axis) * math.prod(layer.kernel_size), inputs, outputs)


def depthwise(walk: Walk, call: Call) -> None:
    """Each channel by itself, once or several times."""
    if not usual(call):
        return walk.unknown(call)
    (source,), layer = call.inputs, call.operation
    axis = channel_axis(call)
    inputs = walk.bind(call, "in", walk.along(source, axis, mixing(call)))
    outputs = np.repeat(inputs, layer.depth_multiplier)
    walk.cuts[id(layer)] = Cut({"kernel": {-2: inputs}, "bias": {0: outputs}})
    walk.set(call.outputs[0], placed(outputs, axis, len(source.shape) - 1))
    if not elementwise(layer):
        walk.atoms.fix(outputs, mixing(call, layer.activation))
    positions = area(call.outputs[0].shape[1:], axis) * math.prod(layer.kernel_size)
    walk.effort(call, "depthwise", positions * layer.depth_multiplier, inputs, outputs)


def separable(walk: Walk, call: Call) -> None:
    """Each channel by itself, then new ones of all."""
    if not usual(call):
        return walk.unknown(call)
    (source,), layer = call.inputs, call.operation
    axis = channel_axis(call)
    inputs = walk.bind(call, "in", walk.along(source, axis, mixing(call)))
    between = np.repeat(inputs, layer.depth_multiplier)
    outputs = walk.produced(call, layer.filters)
    cut = {"depthwise_kernel": {-2: inputs}, "pointwise_kernel": {-2: between, -1: outputs}, "bias": {0: outputs}}
    walk.cuts[id(layer)] = Cut(cut, {"filters": outputs})
    _mixed(walk, call, axis, inputs, outputs)
    positions = area(call.outputs[0].shape[1:], axis)
    first, second, shape = parts(call)
    scale = positions * math.prod(layer.kernel_size) * layer.depth_multiplier
    walk.effort(call, "depthwise", scale, inputs, between, (first, source.shape[1:]))
    walk.effort(call, "conv", positions, between, outputs, (second, shape))


def _mixed(walk: Walk, call: Call, axis: int, inputs: Ids, outputs: Ids) -> None:
    rank = len(call.outputs[0].shape) - 1
    walk.readings[id(call)] = Reading(axis % rank + 1, inputs)
    walk.set(call.outputs[0], placed(outputs, axis % rank, rank))
    if not elementwise(call.operation):
        walk.atoms.fix(outputs, mixing(call, call.operation.activation))
