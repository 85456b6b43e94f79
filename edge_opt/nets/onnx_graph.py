"""ONNX graphs as data: read, written without what says nothing, and asked for their layers and multiply-accumulates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_opt.errors import ModelError
from edge_opt.nets.conversion import imported
from edge_opt.types import Layer

# Which operators hold weights, and which axis of the weight counts its output channels.
WEIGHTED: Mapping[str, int] = {"Conv": 0, "ConvTranspose": 1, "Gemm": 1, "MatMul": -1}

_ERRORS = 3  # ONNX Runtime's number for a log of errors only
_AFTERWARDS = {"Relu", "Clip"}  # what quantization makes one with the operator before it


def package() -> Any:
    """The module ``onnx``. Raises MissingPackage."""
    return imported("onnx", "onnx", "onnx", "reading or writing an ONNX model")


def read(path: Path) -> Any:
    """The model in a file of our own, which has no data beside it."""
    return package().load(str(path), load_external_data=False)


def save(model: Any, path: Path) -> None:
    """Write ``model`` without what says nothing about it: imports of operator sets it does not use, notes of tools."""
    used = {node.domain for node in model.graph.node}
    kept_sets = [one for one in model.opset_import if one.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept_sets)
    del model.metadata_props[:]
    del model.graph.value_info[:]
    model.graph.doc_string = ""
    package().checker.check_model(model)
    package().save(model, str(path))


def channel_axis(node: Any) -> int:
    """Which axis of the weight of ``node``, one of ``WEIGHTED``, counts its output channels."""
    return 0 if attribute(node, "transB", 0) else WEIGHTED[node.op_type]


def attribute(node: Any, name: str, default: Any) -> Any:
    """The value of an attribute of ``node``, or ``default`` where it has none of that name."""
    for one in node.attribute:
        if one.name == name:
            return package().helper.get_attribute_value(one)
    return default


def nodes(graph: Any) -> Iterator[Any]:
    """Every node of ``graph`` and of the branches and loops in it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from nodes(inner)


def joined(graph: Any, names: frozenset[str]) -> frozenset[str]:
    """``names`` of nodes, and those of the ReLU or Clip that alone reads what one of them answers."""
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    followers = set()
    for node in graph.node:
        after = [one for name in node.output for one in readers.get(name, [])]
        if node.name in names and len(after) == 1 and after[0].op_type in _AFTERWARDS:
            followers.add(after[0].name)
    return names | followers


def session(model: Path | bytes) -> Any:
    """A session of ONNX Runtime on the CPU, quiet, of a file or of a model in memory. Raises MissingPackage."""
    runtime = imported("onnxruntime", "onnxruntime", "onnx", "running an ONNX model")
    options = runtime.SessionOptions()
    options.log_severity_level = _ERRORS
    return runtime.InferenceSession(
        str(model) if isinstance(model, Path) else model, options, providers=["CPUExecutionProvider"]
    )


# ── what it consists of ────────────────────────────────────────────────────────────────────────────────────────────


def shapes(model: Any) -> dict[str, tuple[int | None, ...]]:
    """The shape of every tensor that shape inference knows, initializers included; a free size is ``None``."""
    inferred = package().shape_inference.infer_shapes(model, data_prop=True).graph
    found = {one.name: shape(one) for one in (*inferred.value_info, *inferred.input, *inferred.output)}
    return found | {weight.name: tuple(weight.dims) for weight in inferred.initializer}


def shape(port: Any) -> tuple[int | None, ...]:
    """The shape of an input, an output or an inner tensor as the graph declares it."""
    return tuple(size.dim_value if size.HasField("dim_value") else None for size in port.type.tensor_type.shape.dim)


def dtype(port: Any) -> str:
    """The element type of an input or an output as numpy calls it."""
    kind = port.type.tensor_type.elem_type
    return str(package().helper.tensor_dtype_to_np_dtype(kind)) if kind else ""


def layers(model: Any, known: Mapping[str, tuple[int | None, ...]]) -> tuple[Layer, ...]:
    """The operators that bear weights, one that two share counted once; ``known`` are the shapes of its tensors."""
    return tuple(_layers(model, known))


def _layers(model: Any, known: Mapping[str, tuple[int | None, ...]]) -> Iterator[Layer]:
    floats = {weight.name: weight for weight in model.graph.initializer if _is_weight(weight)}
    for place, node in enumerate(model.graph.node):
        fresh = [floats.pop(name) for name in node.input if name in floats]
        if fresh:
            yield Layer(
                name=node.name or f"{node.op_type}_{place}",
                kind=node.op_type,
                parameters=sum(math.prod(weight.dims) for weight in fresh),
                output_shape=known.get(node.output[0], ()),
            )


def _is_weight(weight: Any) -> bool:
    proto = package().TensorProto
    return weight.data_type in (proto.FLOAT, proto.FLOAT16, proto.DOUBLE, proto.BFLOAT16) and len(weight.dims) > 0


def macs(model: Any, known: Mapping[str, tuple[int | None, ...]]) -> int:
    """The multiply-accumulates of one inference: those of convolutions and matrix products, padding included.

    Raises ModelError where one of them has no fixed shape.
    """
    return sum(_node_macs(node, known) for node in model.graph.node)


def _node_macs(node: Any, known: Mapping[str, tuple[int | None, ...]]) -> int:
    if node.op_type not in WEIGHTED:
        return 0
    first, second, answer = (_fixed(node, known.get(name)) for name in (node.input[0], node.input[1], node.output[0]))
    if node.op_type == "Conv":  # of a grouped one, the weight holds the channels of one group only
        return math.prod(answer) * math.prod(second[1:])
    if node.op_type == "ConvTranspose":
        return math.prod(first) * math.prod(second[1:])
    return math.prod(answer) * first[-2 if attribute(node, "transA", 0) else -1]


def _fixed(node: Any, sizes: tuple[int | None, ...] | None) -> tuple[int, ...]:
    if sizes is None or None in sizes:
        raise ModelError(
            f"the operator '{node.name or node.output[0]}' ({node.op_type}) has no fixed shape at batch 1",
            "export the model for a fixed input size, without sizes that depend on the values",
        )
    return tuple(size for size in sizes if size is not None)
