"""A float32 ONNX file and the ranges of its activations → 8-bit operators, in ONNX Runtime's own QDQ form."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_opt.errors import UnknownName
from edge_opt.exporters.onnx.calibrate import Batch, calibrate, quantization
from edge_opt.nets import onnx_graph
from edge_opt.types import Quantization

# the activations of each variant; in u8s7 the weights have 7 bits
_NARROW: Mapping[str, str] = {"u8s8": "QUInt8", "u8s7": "QUInt8", "s8s8": "QInt8", "": "QInt16"}
_WIDE: Mapping[str, str] = {"u8s8": "QUInt16", "u8s7": "QUInt16", "s8s8": "QInt16", "": "QInt16"}

# They only move values: what is kept in float around them is none of theirs, and they disturb nothing.
_MOVING = frozenset(
    """Clip Concat Flatten Gather Identity MaxPool Pad Relu Reshape Slice Softmax Split Squeeze Transpose
    Unsqueeze""".split()  # noqa: SIM905
)


class Static:
    """One model to be quantized in several ways with the same ranges, which are found once.

    Raises UnknownName where ``keep_float`` or ``wide`` name a layer that the model has not.
    """

    def __init__(
        self, float32: Path, wanted: Quantization, variant: str, batches: Sequence[Batch], scratch: Path
    ) -> None:
        self._float32, self._wanted, self._variant = float32, wanted, variant
        self.graph = onnx_graph.read(float32).graph
        check(self.graph, (*wanted.keep_float, *wanted.wide))
        self._wide = self._mixed() if variant else {}
        self._ranges = calibrate(
            float32, wanted.range_method, wanted.activation_bits, self._wide, batches, scratch / ".ranges.json"
        )

    def write(self, path: Path, only: Collection[str] = ()) -> None:
        """Write the quantized model to ``path``; where ``only`` names layers, the others stay in float."""
        tool, wanted = quantization(), self._wanted
        tool.quantize_static(
            str(self._float32),
            str(path),
            quant_format=tool.QuantFormat.QDQ,
            per_channel=wanted.granularity == "per_channel",
            reduce_range=self._variant == "u8s7",
            activation_type=tool.QuantType[_NARROW[self._variant]],
            weight_type=tool.QuantType.QInt8,
            nodes_to_quantize=sorted(onnx_graph.joined(self.graph, frozenset(only))),
            nodes_to_exclude=sorted(self._excluded()),
            calibrate_method=tool.CalibrationMethod.MinMax,  # what is in the file, whichever method chose it
            calibration_cache_path=self._ranges,
            extra_options={"TensorQuantOverrides": {name: [dict(one)] for name, one in self._wide.items()}},
        )
        onnx_graph.save(onnx_graph.read(path), path)

    def close(self) -> None:
        """Remove the ranges from the scratch folder."""
        self._ranges.unlink()

    def _excluded(self) -> frozenset[str]:
        """The nodes that stay in float."""
        # In 8 bits a probability below 1/512 is zero: of 1,000 classes all may be, and the answer is a draw. In float
        # it costs nothing.
        softmax = frozenset(node.name for node in self.graph.node if node.op_type == "Softmax")
        return softmax | onnx_graph.joined(self.graph, frozenset(self._wanted.keep_float))

    def _mixed(self) -> dict[str, Mapping[str, Any]]:
        """What ONNX Runtime shall know of each tensor around a wide layer.

        It has 16 bits, also in what it is computed from; layers that are not wide read it in 8 bits.
        """
        kinds = quantization().QuantType
        wide = onnx_graph.joined(self.graph, frozenset(self._wanted.wide))
        weights = {weight.name for weight in self.graph.initializer}
        quantized = {node.name for node in self.graph.node} - wide - self._excluded()
        found: dict[str, Mapping[str, Any]] = {}
        for node in self.graph.node:
            for name in (*node.input, *node.output) if node.name in wide else ():
                if not name or name in weights:
                    continue
                others = {one.name for one in self.graph.node if name in one.input and one.name in quantized}
                found[name] = {"quant_type": kinds[_WIDE[self._variant]]}
                if others:
                    narrow = {"quant_type": kinds[_NARROW[self._variant]], "recv_nodes": others}
                    found[name] = {**found[name], "convert": narrow}
        return found


def layers(graph: Any) -> tuple[str, ...]:
    """The layers that quantization disturbs, and that may be kept in float or be wide: those that compute."""
    weights = {weight.name for weight in graph.initializer}
    return tuple(
        node.name
        for node in graph.node
        if node.op_type not in _MOVING and any(name not in weights for name in node.input)
    )


def check(graph: Any, names: Collection[str]) -> None:
    """Raise UnknownName where one of ``names`` is no layer of ``graph``."""
    known = layers(graph)
    for name in names:
        if name not in known:
            raise UnknownName.among("layer of this ONNX model", name, known)
