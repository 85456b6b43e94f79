"""Whether the 8-bit products of an ONNX file can saturate on x86 without VNNI, proven on its weights alone.

The kernels of ONNX Runtime (MLAS) for SSE4.1, AVX2 and AVX-512 without VNNI multiply unsigned activations by signed
weights with ``vpmaddubsw``, which adds the products of two neighbours along the reduction in 16 bits and saturates: the
answer is wrong, and different on another processor. Signed activations are no way out: on x86, ONNX Runtime turns them
into unsigned ones while it loads the file. Unsigned weights have kernels of their own, which do not saturate.

Assumed: the neighbours are adjacent along the reduction, which for a convolution runs over the kernel's places and
then its channels or the other way round; in which of the two orders, and at which place the pairs begin, is left open.
The activations may have any value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets import onnx_graph

_LARGEST = 255  # an activation
_INT16 = np.iinfo(np.int16)

# Operators that hold their int8 weights themselves: which of their inputs that is.
_QUANTIZED: Mapping[str, int] = {
    "QLinearConv": 3,
    "QLinearMatMul": 3,
    "QGemm": 3,
    "ConvInteger": 1,
    "MatMulInteger": 1,
    "MatMulIntegerToFloat": 1,
    "DynamicQuantizeMatMul": 1,
}
_IN_FLOAT = ("Conv", "Gemm", "MatMul")  # between (De)QuantizeLinear; a ConvTranspose has no 8-bit kernel


@dataclass(frozen=True, kw_only=True)
class Saturating:
    """A layer that can saturate: the sum of two products that lies furthest beyond 16 bits."""

    layer: str
    worst_pair_sum: int


def check(path: Path) -> tuple[Saturating, ...]:
    """The layers of the quantized model at ``path`` that can saturate without VNNI; none where it is proven safe."""
    return tuple(_saturating(onnx_graph.read(path).graph))


def _saturating(graph: Any) -> Iterator[Saturating]:
    for name, orders in _layers(graph):
        sums = [end for rows in orders for end in pair_sums(rows)]
        worst = max(sums, key=abs, default=0)
        if any(not _INT16.min <= end <= _INT16.max for end in sums):
            yield Saturating(layer=name, worst_pair_sum=worst)


def pair_sums(rows: NDArray[np.int8]) -> tuple[int, int]:
    """The least and the largest sum of two products of neighbours in ``rows`` ``(outputs, reduction)``."""
    wide = rows.astype(np.int32)
    wide = np.pad(wide, ((0, 0), (0, max(0, 2 - wide.shape[1]))))
    below, above = np.minimum(wide, 0), np.maximum(wide, 0)
    least = (below[:, 1:] + below[:, :-1]).min(initial=0)
    return _LARGEST * int(least), _LARGEST * int((above[:, 1:] + above[:, :-1]).max(initial=0))


def _layers(graph: Any) -> Iterator[tuple[str, list[NDArray[np.int8]]]]:
    """Each layer with 8-bit activations and int8 weights: its weights as ``(outputs, reduction)``, in both orders."""
    onnx = onnx_graph.package()
    int8 = {one.name: one for one in graph.initializer if one.data_type == onnx.TensorProto.INT8}
    in_8_bits = (onnx.TensorProto.UINT8, onnx.TensorProto.INT8)
    eight_bits = {one.name for one in graph.initializer if one.data_type in in_8_bits}
    made_by = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    for node in graph.node:
        if node.op_type in _IN_FLOAT:
            given, weight = (made_by.get(name) for name in node.input[:2])
            if given is None or weight is None or weight.input[0] not in int8:
                continue
            if len(given.input) > 2 and given.input[2] not in eight_bits:
                continue  # 16 bits: computed in float
            name = weight.input[0]
        elif node.op_type in _QUANTIZED and node.input[_QUANTIZED[node.op_type]] in int8:
            name = node.input[_QUANTIZED[node.op_type]]
        else:
            continue
        yield node.name or node.output[0], _orders(node, onnx.numpy_helper.to_array(int8[name]))


def _orders(node: Any, weight: NDArray[np.int8]) -> list[NDArray[np.int8]]:
    if "Conv" in node.op_type:  # (outputs, channels, place, …)
        return [weight.reshape(len(weight), -1), np.moveaxis(weight, 1, -1).reshape(len(weight), -1)]
    if not onnx_graph.attribute(node, "transB", 0):
        weight = np.swapaxes(weight, -1, -2) if weight.ndim > 1 else weight[None]
    return [weight.reshape(-1, weight.shape[-1])]
