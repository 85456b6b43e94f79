"""Channels taken out: by masks, which the original still computes, and for good, in a model that has fewer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets import frameworks
from edge_opt.nets.graph.flat import Call, Replacement, Tensor, copied, rebuild
from edge_opt.nets.graph.graph import Graph
from edge_opt.nets.graph.walk import ALL, Cut

Keep = Mapping[str, NDArray[np.bool_]]


def rebuilt(graph: Graph, replace: Callable[[Call], Replacement | None]) -> Any:
    """A new model, its weights its own: every call is answered by what ``replace`` gives for it, or by a copy.

    ``replace`` is asked once for each layer, with its first call: None copies it, ``Replacement()`` leaves it out so
    that its first input passes through. Raises ModelError where a layer cannot be copied or does not fit any more.
    """
    return rebuild(graph.flat, replace)


def sliced(graph: Graph, keep: Keep) -> Any:
    """A new model without the channels that ``keep`` does not, its weights its own: it answers as :func:`masked`.

    ``keep`` has a mask ``(width,)`` by the name of a group; the others stay whole.
    """
    kept = graph.kept(keep)

    def replace(call: Call) -> Replacement | None:
        cut = graph.cuts.get(id(call.operation))
        return _smaller(call, cut, kept) if cut else None

    return rebuild(graph.flat, replace)


def _smaller(call: Call, cut: Cut, kept: NDArray[np.bool_]) -> Replacement:
    def size(wanted: Any) -> Any:
        if isinstance(wanted, tuple):
            return tuple(map(size, wanted))
        return int(kept[wanted].sum()) if isinstance(wanted, np.ndarray) else wanted

    copy = copied(call, {key: size(wanted) for key, wanted in cut.config.items()})
    if not copy.weights:
        return copy
    weights = []
    for variable, values in zip(call.operation.weights, copy.weights, strict=True):
        for axis, ids in cut.weights.get(variable.name, cut.weights.get(ALL, {})).items():
            values = values.compress(kept[ids], axis)
        weights.append(values)
    return Replacement(copy.layer, weights)


def masked(graph: Graph, inputs: Any, keep: Keep) -> Any:
    """What the original answers where the channels not kept are zero whenever a layer reads them that mixes channels.

    ``inputs`` as the model takes them, a float32 array ``(n, …)`` for one with one input; the same for the answer.
    """
    kept = graph.kept(keep)
    tf = frameworks.tensorflow()

    def gate(call: Call, values: Any) -> Any:
        reading = graph.readings[id(call)]
        if kept[reading.ids].all():
            return values
        return values * tf.constant(spread(kept[reading.ids], reading.axis, len(values.shape)), values.dtype)

    return frameworks.keras().tree.map_structure(np.asarray, run(graph, inputs, gate))


def run(graph: Graph, inputs: Any, gate: Callable[[Call, Any], Any]) -> Any:
    """What the model answers to ``inputs``, with ``gate`` between each layer that mixes channels and what it reads."""
    tree, tf = frameworks.keras().tree, frameworks.tensorflow()
    known: dict[int, Any] = {}
    for tensor, given in zip(tree.flatten(graph.flat.inputs), tree.flatten(inputs), strict=True):
        known[id(tensor)] = tf.cast(given, tensor.dtype)
    for call in graph.calls:
        own = dict(known)
        if id(call) in graph.readings:
            (source,) = call.inputs
            own[id(source)] = gate(call, known[id(source)])
        arguments, options = tree.map_structure(
            lambda leaf, own=own: own[id(leaf)] if isinstance(leaf, Tensor) else leaf,
            (call.arguments, dict(call.options)),
        )
        answers = tree.flatten(call.operation(*arguments, **options))
        known.update(zip(map(id, call.outputs), answers, strict=True))
    return tree.map_structure(lambda tensor: known[id(tensor)], graph.flat.outputs)


def spread(values: Any, axis: int, rank: int) -> Any:
    """``values`` along ``axis`` of a tensor of ``rank`` axes."""
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)
