"""An ONNX file of somebody else → its model, read without following where it must not, or a sentence why not."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

from edge_opt.errors import ModelError
from edge_opt.nets import describe, onnx_data
from edge_opt.nets.freeze import first_line, wrapped
from edge_opt.nets.onnx_graph import nodes, package

_GIT_LFS = b"version https://git-lfs"
_STANDARD = {"", "ai.onnx", "ai.onnx.ml"}
_QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
_QUANTIZED_PREFIXES, _QUANTIZED_SUFFIXES = ("QLinear", "QGemm"), ("Integer",)
_AGAIN = "copy or download it again"


def load(path: Path) -> Any:
    """The model at ``path`` with all its weights, checked: standard float operators, functions inlined.

    Raises ModelError where it is none, is damaged, needs operators of one runtime, is quantized already, or has data
    outside its own folder.
    """
    model = _parsed(path)
    _data_files(path)
    onnx = package()
    with wrapped(f"'{path.name}' is damaged", _AGAIN):
        onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
    if model.functions:
        with wrapped(f"the functions in '{path.name}' cannot be resolved", "export it without functions of its own"):
            model = import_module("onnx.inliner").inline_local_functions(model)
    for node in nodes(model.graph):
        _refuse(path, node)
    with wrapped(f"'{path.name}' is no valid ONNX model", "export it again, and check it with onnx.checker"):
        onnx.checker.check_model(model, full_check=True)
    return model


def _parsed(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(f"there is no file '{path}'", "give the path of an .onnx file")
    content = path.read_bytes()
    if not content:
        raise ModelError(f"'{path.name}' is empty", _AGAIN)
    if content.startswith(_GIT_LFS):
        raise ModelError(f"'{path.name}' is a pointer of Git LFS, not the model itself", "fetch it with: git lfs pull")
    onnx = package()
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own error, which differs between its implementations
        raise ModelError(f"'{path.name}' is not an ONNX model, or damaged: {first_line(error)}", _AGAIN) from error
    if not model.graph.node or not model.opset_import:
        raise ModelError(f"'{path.name}' is not an ONNX model: it has no operators", "give a file that was exported")
    return model


def _refuse(path: Path, node: Any) -> None:
    if node.domain not in _STANDARD:
        raise ModelError(
            f"'{path.name}' needs the operator '{node.op_type}' of '{node.domain}', which is no standard ONNX",
            "export it for plain ONNX, before a runtime's own tools optimize it",
        )
    if (
        node.op_type in _QUANTIZED
        or node.op_type.startswith(_QUANTIZED_PREFIXES)
        or node.op_type.endswith(_QUANTIZED_SUFFIXES)
    ):
        raise ModelError(
            f"'{path.name}' is quantized already: it has the operator '{node.op_type}'",
            "give the float model it was made from; edge-opt quantizes it by itself",
        )


def _data_files(path: Path) -> tuple[Path, ...]:
    with wrapped(f"'{path.name}' is damaged", _AGAIN):
        return tuple(onnx_data.data_files(path).values())


def digest(path: Path) -> tuple[str, int]:
    """The SHA-256 and the bytes of the model at ``path``, the files with its weights included."""
    first, size = describe.digest(path)
    others = _data_files(path)
    if not others:
        return first, size
    whole = hashlib.sha256(first.encode())
    for file in others:
        inner, length = describe.digest(file)
        whole.update(inner.encode())
        size += length
    return whole.hexdigest(), size
