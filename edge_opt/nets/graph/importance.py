"""What is lost with each channel: by the size of its weights, or by what the loss says of it on data.

Source: Li et al. (2017), *Pruning Filters for Efficient ConvNets*, and Liu et al. (2017), *Learning Efficient
Convolutional Networks through Network Slimming*, for :func:`magnitude`; Molchanov et al. (2019), *Importance Estimation
for Neural Network Pruning*, for :func:`taylor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets import frameworks
from edge_opt.nets.graph.flat import Call
from edge_opt.nets.graph.graph import Graph
from edge_opt.nets.graph.slicing import run

Importance = Mapping[str, NDArray[np.float64]]
_KERNELS = ("pointwise_kernel", "kernel")


def magnitude(graph: Graph) -> Importance:
    """By group, ``(width,)``: the mean over the layers that make a channel of the sum of |weights| · |γ|.

    γ is that of a BatchNormalization that reads the layer, 1 where there is none. Weights of layers of other sizes are
    no measure of one another: not to be compared across groups.
    """
    total, count = np.zeros(graph.size), np.zeros(graph.size)
    readers: dict[int, list[Call]] = {}
    for call in graph.calls:
        for tensor in call.inputs:
            readers.setdefault(id(tensor), []).append(call)
    seen: set[int] = set()
    for call in graph.calls:
        if call.name not in graph.layers or id(call.operation) in seen:
            continue
        seen.add(id(call.operation))
        ids, sizes = _sizes(graph, call)
        for reader in readers.get(id(call.outputs[0]), ()):
            if reader.kind == "BatchNormalization" and reader.operation.scale:
                gamma = np.abs(np.asarray(reader.operation.gamma, np.float64))
                sizes = sizes * gamma if gamma.shape == sizes.shape else sizes
                break
        np.add.at(total, ids, sizes)
        np.add.at(count, ids, 1)
    mean = total / np.maximum(count, 1)
    return {name: mean[places] for name, places in graph.places.items()}


def _sizes(graph: Graph, call: Call) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The channels that a layer makes, and the sum of the |weights| of each."""
    cut = graph.cuts[id(call.operation)].weights
    name = next(name for name in _KERNELS if name in cut)
    axis, ids = list(cut[name].items())[-1]  # the axis of what comes out is named last
    variable = next(variable for variable in call.operation.weights if variable.name == name)
    kernel = np.abs(np.asarray(variable, np.float64))
    return ids, np.moveaxis(kernel, axis, -1).reshape(-1, len(ids)).sum(0)


def taylor(graph: Graph, batches: Iterable[tuple[Any, Any]], loss: Callable[[Any, Any], Any]) -> Importance:
    """By group, ``(width,)``: the mean over samples of (Σ a · ∂L/∂a)², what is lost with a channel to first order.

    The sum is over all places at which layers that mix channels read it, as they are what it is lost for; comparable
    across groups. ``batches`` yields inputs and targets, ``loss(targets, answers)`` gives one number for each sample.
    Of what no layer mixes, as the answers of the model, it is zero.
    """
    tf = frameworks.tensorflow()
    read = np.zeros(graph.size, bool)
    for reading in graph.readings.values():
        read[reading.ids] = True
    gated = np.flatnonzero(read)
    # where each channel's gate is; that of what none reads, and none asks for, is the first
    places = np.zeros(graph.size, np.int64)
    places[gated] = np.arange(len(gated))

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def gradients(inputs: Any, targets: Any) -> Any:
        gates = tf.ones((tf.shape(tf.nest.flatten(inputs)[0])[0], len(gated)))

        def gate(call: Call, values: Any) -> Any:
            reading = graph.readings[id(call)]
            shape = [-1] + [1] * (len(values.shape) - 1)
            shape[reading.axis] = len(reading.ids)
            return values * tf.cast(tf.reshape(tf.gather(gates, places[reading.ids], axis=1), shape), values.dtype)

        with tf.GradientTape() as tape:
            tape.watch(gates)
            total = tf.reduce_sum(loss(targets, run(graph, inputs, gate)))
        return tape.gradient(total, gates)

    summed, samples = np.zeros(len(gated)), 0
    for inputs, targets in batches:
        found = np.asarray(gradients(tf.nest.map_structure(tf.convert_to_tensor, inputs), targets), np.float64)
        summed += (found**2).sum(0)
        samples += len(found)
    mean = np.zeros(graph.size)
    mean[gated] = summed / max(samples, 1)
    return {name: mean[numbers] for name, numbers in graph.places.items()}
