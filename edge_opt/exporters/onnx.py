"""ONNX: by tf2onnx, quantized by ONNX Runtime's own tools, with plain operators that every ONNX runtime knows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets import frameworks
from edge_opt.nets.canonical import canonical
from edge_opt.nets.conversion import calibration, converting, imported, kept, phrase, require
from edge_opt.types import Quantization, Source, SourceKind

_FILE = "model.onnx"
_OPSET = 18  # the highest that tf2onnx writes
# Which operators hold weights, and which axis of the weight counts its output channels.
_WEIGHTED: Mapping[str, int] = {"Conv": 0, "ConvTranspose": 1, "Gemm": 1, "MatMul": -1}


class OnnxExporter:
    """The exporter of ``.onnx`` files, which ONNX Runtime runs."""

    format = "onnx"

    def variants(self, quantization: Quantization, source: SourceKind) -> tuple[str, ...]:
        """``u8s8`` and ``s8s8`` for static 8-bit activations, as QDQ: which one is faster depends on the processor."""
        if quantization.mode in ("none", "float16"):
            return ("",)
        if quantization.weight_bits != 8:
            return ()
        if quantization.mode == "static":
            return {8: ("u8s8", "s8s8"), 16: ("",)}.get(quantization.activation_bits, ())
        return ("",)

    def export(
        self, source: Source, quantization: Quantization, variant: str, samples: NDArray[Any], out: Path
    ) -> Path:
        """Write ``model.onnx`` into ``out`` and return its path."""
        require(self.format, quantization, variant, self.variants(quantization, source.kind))
        float32 = kept(source.path, "float32.onnx", lambda to: _float32(source.path, to))
        path = out / _FILE
        with converting("ONNX Runtime", f"ONNX ({phrase(quantization)})"):
            if quantization.mode == "none":
                path.write_bytes(float32.read_bytes())
            elif quantization.mode == "float16":
                _save(_stored_in_16_bits(_read(float32)), path)
            elif quantization.mode == "weight_only":
                _save(_stored_in_8_bits(_read(float32), quantization.granularity == "per_channel"), path)
            elif quantization.mode == "dynamic":
                _dynamic(float32, path, quantization.granularity == "per_channel")
            else:
                _static(float32, path, quantization, variant, samples)
        return path


def _onnx() -> Any:
    return imported("onnx", "onnx", "onnx", "exporting to ONNX")


def _quantization() -> Any:
    _onnx()
    return imported("onnxruntime.quantization", "onnxruntime", "onnx", "quantizing an ONNX model")


def _read(path: Path) -> Any:
    return _onnx().load(str(path))


def _save(model: Any, path: Path) -> None:
    """Write ``model`` without what says nothing about it: imports of operator sets it does not use, notes of tools."""
    used = {node.domain for node in model.graph.node}
    kept_sets = [one for one in model.opset_import if one.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept_sets)
    del model.metadata_props[:]
    del model.graph.value_info[:]
    model.graph.doc_string = ""
    _onnx().checker.check_model(model)
    _onnx().save(model, str(path))


# ── float ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _float32(saved_model: Path, path: Path) -> None:
    """Convert, then let ONNX Runtime fold constants and batch normalisation: a clean graph quantizes better."""
    with converting("tf2onnx", "ONNX (float32)"), tempfile.TemporaryDirectory() as folder:
        raw, folded = Path(folder) / "raw.onnx", Path(folder) / "folded.onnx"
        converted, ports = _converted(saved_model)
        _onnx().save(converted, str(raw))
        tool = imported("onnxruntime.quantization.shape_inference", "onnxruntime", "onnx", "cleaning an ONNX model")
        tool.quant_pre_process(str(raw), str(folded), skip_symbolic_shape=True)
        model = _read(folded)
        canonical(model, ports)
        _save(model, path)


def _converted(saved_model: Path) -> tuple[Any, dict[str, str]]:
    """The model as tf2onnx makes it, and what its inputs and outputs shall be called."""
    tf = frameworks.tensorflow()
    tf2onnx = imported("tf2onnx", "tf2onnx", "onnx", "exporting to ONNX")
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    loaded = tf.saved_model.load(str(saved_model))  # holds the variables: without it they are deleted
    signature = loaded.signatures["serving_default"]
    frozen = convert_variables_to_constants_v2(signature)
    inputs, outputs = ([tensor.name for tensor in tensors] for tensors in (frozen.inputs, frozen.outputs))
    model, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(), input_names=inputs, output_names=outputs, opset=_OPSET
    )
    # the names of the signature, which every other format has as well, in place of TensorFlow's "Identity:0"
    named = [*signature.structured_input_signature[1], *signature.structured_outputs]
    return model, dict(zip([*inputs, *outputs], named, strict=True))


def _stored_in_16_bits(model: Any) -> Any:
    """Store the weights as float16 and cast them up: ONNX Runtime does so once, while loading, and computes in float32.

    Computing in float16 instead puts a pair of casts around every operator that has no float16 kernel, which on x86 is
    nearly every one: 1.3 times slower than float32, at the same size.
    """
    onnx, casts = _onnx(), []
    limit = np.finfo(np.float16).max
    for weight in _floats(model.graph):
        name, values = weight.name, onnx.numpy_helper.to_array(weight)
        weight.CopyFrom(onnx.numpy_helper.from_array(values.clip(-limit, limit).astype(np.float16), f"{name}_float16"))
        casts.append(_to_float(weight.name, name))
    return _begin_with(model, casts)


def _floats(graph: Any) -> list[Any]:
    float32 = _onnx().TensorProto.FLOAT
    return [weight for weight in graph.initializer if weight.data_type == float32 and any(weight.dims)]


def _to_float(source: str, name: str) -> Any:
    onnx = _onnx()
    return onnx.helper.make_node("Cast", [source], [name], to=onnx.TensorProto.FLOAT, name=f"{name}_node")


def _begin_with(model: Any, nodes: list[Any]) -> Any:
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return model


# ── 8 bits ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _stored_in_8_bits(model: Any, per_channel: bool) -> Any:
    """Store the weights of convolutions and dense layers as symmetric int8, and multiply them by their scales.

    A Cast and a Mul, not a DequantizeLinear: ONNX Runtime computes the former once, while loading, and the latter at
    every inference (4 times slower than float32), at the same size and with the same numbers.
    """
    onnx = _onnx()
    axes = {node.input[1]: _channel_axis(node) for node in model.graph.node if node.op_type in _WEIGHTED}
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


def _channel_axis(node: Any) -> int:
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if transposed else _WEIGHTED[node.op_type]


def _dynamic(source: Path, path: Path, per_channel: bool) -> None:
    quantization = _quantization()
    # unsigned weights: with signed ones, dynamic convolutions have a slow kernel only (2 to 4 times slower here)
    quantization.quantize_dynamic(
        str(source), str(path), per_channel=per_channel, weight_type=quantization.QuantType.QUInt8
    )
    _save(_read(path), path)


class _Reader:
    """What ONNX Runtime calls a CalibrationDataReader: one batch after the other, then None."""

    def __init__(self, name: str, batches: Iterator[NDArray[np.float32]]) -> None:
        self._name, self._batches = name, batches

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}


def _static(source: Path, path: Path, quantization: Quantization, variant: str, samples: NDArray[Any]) -> None:
    tool = _quantization()
    kinds = {"u8s8": tool.QuantType.QUInt8, "s8s8": tool.QuantType.QInt8, "": tool.QuantType.QInt16}
    graph = _read(source).graph
    (port,) = graph.input
    tool.quantize_static(
        str(source),
        str(path),
        _Reader(port.name, iter(calibration(samples))),
        quant_format=tool.QuantFormat.QDQ,
        per_channel=quantization.granularity == "per_channel",
        activation_type=kinds[variant],
        weight_type=tool.QuantType.QInt8,
        calibrate_method=tool.CalibrationMethod.MinMax,
        # In 8 bits a probability below 1/512 is zero: of 1,000 classes all may be, and the answer is a draw. In float
        # it costs nothing.
        nodes_to_exclude=[node.name for node in graph.node if node.op_type == "Softmax"],
    )
    _save(_read(path), path)


exporter = OnnxExporter()
