"""Any float source → one clean float32 ONNX file, from which every quantized one is made."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edge_opt.errors import MissingPackage
from edge_opt.nets import frameworks, onnx_graph
from edge_opt.nets.canonical import canonical
from edge_opt.nets.conversion import converting, imported, kept
from edge_opt.nets.freeze import identifier
from edge_opt.types import Source, SourceKind

OPSET = 18  # the highest that tf2onnx writes

_FROM_TFLITE = "turning a .tflite model into ONNX"


def float32(source: Source) -> Path:
    """The float32 file of ``source``, made once and kept beside it."""
    return kept(source.path, "float32.onnx", lambda to: _write(source, to))


def _write(source: Source, path: Path) -> None:
    """Convert, then let ONNX Runtime fold constants and batch normalisation: a clean graph quantizes better."""
    library = "ONNX Runtime" if source.kind == "onnx" else "tf2onnx"
    with converting(library, "ONNX (float32)"), tempfile.TemporaryDirectory() as folder:
        raw, folded = Path(folder) / "raw.onnx", Path(folder) / "folded.onnx"
        converted, ports = _CONVERTED[source.kind](source.path)
        onnx_graph.package().save(converted, str(raw))
        tool = imported("onnxruntime.quantization.shape_inference", "onnxruntime", "onnx", "cleaning an ONNX model")
        tool.quant_pre_process(str(raw), str(folded), skip_symbolic_shape=True)
        model = onnx_graph.read(folded)
        canonical(model, ports)
        onnx_graph.save(model, path)


def _from_saved_model(path: Path) -> tuple[Any, dict[str, str]]:
    """The model as tf2onnx makes it, and what its inputs and outputs shall be called."""
    tf = frameworks.tensorflow()
    tf2onnx = imported("tf2onnx", "tf2onnx", "onnx", "exporting to ONNX")
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    loaded = tf.saved_model.load(str(path))  # holds the variables: without it they are deleted
    signature = loaded.signatures["serving_default"]
    frozen = convert_variables_to_constants_v2(signature)
    inputs, outputs = ([tensor.name for tensor in tensors] for tensors in (frozen.inputs, frozen.outputs))
    model, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(), input_names=inputs, output_names=outputs, opset=OPSET
    )
    # the names of the signature, which every other format has as well, in place of TensorFlow's "Identity:0"
    named = [*signature.structured_input_signature[1], *signature.structured_outputs]
    return model, dict(zip([*inputs, *outputs], named, strict=True))


def _from_onnx(path: Path) -> tuple[Any, dict[str, str]]:
    """The model as its frontend left it: checked, at batch 1, float32 in and out."""
    model = onnx_graph.read(path)
    return model, {port.name: port.name for port in (*model.graph.input, *model.graph.output)}


def _from_tflite(path: Path) -> tuple[Any, dict[str, str]]:
    """The model as tf2onnx reads it, which takes TensorFlow for it. Raises MissingPackage."""
    if find_spec("tensorflow") is None:
        raise MissingPackage.of("tensorflow", "keras", _FROM_TFLITE)
    frameworks.tensorflow()
    tf2onnx = imported("tf2onnx", "tf2onnx", "onnx", _FROM_TFLITE)
    model, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
    (given,), (answer,) = model.graph.input, model.graph.output
    return model, {given.name: identifier(given.name, "input"), answer.name: identifier(answer.name, "output")}


_CONVERTED: Mapping[SourceKind, Callable[[Path], tuple[Any, dict[str, str]]]] = {
    "saved_model": _from_saved_model,
    "onnx": _from_onnx,
    "tflite": _from_tflite,
}
