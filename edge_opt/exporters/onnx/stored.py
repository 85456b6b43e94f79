"""Weights stored in fewer bits and computed in float32: graphs written by our own hand."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from edge_opt.nets import onnx_graph


def in_16_bits(model: Any) -> Any:
    """Store the weights as float16 and cast them up: ONNX Runtime does so once, while loading, and computes in float32.

    Computing in float16 instead puts a pair of casts around every operator that has no float16 kernel, which on x86 is
    nearly every one: 1.3 times slower than float32, at the same size.
    """
    onnx, casts = onnx_graph.package(), []
    limit = np.finfo(np.float16).max
    for weight in _floats(model.graph):
        name, values = weight.name, onnx.numpy_helper.to_array(weight)
        weight.CopyFrom(onnx.numpy_helper.from_array(values.clip(-limit, limit).astype(np.float16), f"{name}_float16"))
        casts.append(_to_float(weight.name, name))
    return _begin_with(model, casts)


def in_8_bits(model: Any, per_channel: bool, keep_float: Collection[str] = ()) -> Any:
    """Store the weights of convolutions and dense layers as symmetric int8, and multiply them by their scales.

    A Cast and a Mul, not a DequantizeLinear: ONNX Runtime computes the former once, while loading, and the latter at
    every inference (4 times slower than float32), at the same size and with the same numbers.
    """
    onnx = onnx_graph.package()
    nodes = [node for node in model.graph.node if node.op_type in onnx_graph.WEIGHTED and node.name not in keep_float]
    axes = {node.input[1]: onnx_graph.channel_axis(node) for node in nodes}
    added = []
    for weight in _floats(model.graph):
        if weight.name not in axes:
            continue
        name, values = weight.name, onnx.numpy_helper.to_array(weight)
        axis = axes[name] % values.ndim
        others = tuple(place for place in range(values.ndim) if place != axis or not per_channel)
        scale = np.abs(values).max(axis=others, keepdims=True) / np.float32(127)
        scale[scale == 0] = 1
        weight.CopyFrom(onnx.numpy_helper.from_array(np.rint(values / scale).astype(np.int8), f"{name}_int8"))
        model.graph.initializer.append(onnx.numpy_helper.from_array(scale, f"{name}_scale"))
        added.append(_to_float(weight.name, f"{name}_cast"))
        added.append(onnx.helper.make_node("Mul", [f"{name}_cast", f"{name}_scale"], [name], name=f"{name}_node"))
    return _begin_with(model, added)


def _floats(graph: Any) -> list[Any]:
    float32 = onnx_graph.package().TensorProto.FLOAT
    return [weight for weight in graph.initializer if weight.data_type == float32 and any(weight.dims)]


def _to_float(source: str, name: str) -> Any:
    onnx = onnx_graph.package()
    return onnx.helper.make_node("Cast", [source], [name], to=onnx.TensorProto.FLOAT, name=f"{name}_node")


def _begin_with(model: Any, nodes: list[Any]) -> Any:
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return model
