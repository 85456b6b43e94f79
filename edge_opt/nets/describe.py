"""What a network consists of: multiply-accumulates, parameters, layers, and the hash of its file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edge_opt.errors import ModelError
from edge_opt.types import Framework, Layer, Model, TensorSpec

Shape = tuple[int | None, ...]

_CALL = "StatefulPartitionedCall/"  # what inlining puts before the names of a loaded SavedModel


def tensor(name: str, shape: Iterable[int | None], dtype: str) -> TensorSpec:
    """The description of one input or output; a picture is told by its three or four channels, or one."""
    sizes = tuple(None if size is None else int(size) for size in shape)
    layout = ""
    if len(sizes) == 4:
        layout = "NHWC" if sizes[3] in (1, 3, 4) else "NCHW" if sizes[1] in (1, 3, 4) else ""
    return TensorSpec(name=name, shape=sizes, dtype=dtype, layout=layout)


def model(
    path: Path,
    framework: Framework,
    *,
    source: TensorSpec,
    answer: TensorSpec,
    layers: tuple[Layer, ...],
    macs: int,
    content: tuple[str, int],
    parameters: int | None = None,
) -> Model:
    """The description of the model at ``path``, from ``source`` to ``answer``; ``content`` is its hash and its bytes.

    Its parameters are those of its layers where no number is given.
    """
    sha256, size_bytes = content
    return Model(
        path=path,
        framework=framework,
        inputs=(source,),
        outputs=(answer,),
        layers=layers,
        parameters=sum(layer.parameters for layer in layers) if parameters is None else parameters,
        macs=macs,
        size_bytes=size_bytes,
        sha256=sha256,
    )


# ── multiply-accumulates ───────────────────────────────────────────────────────────────────────────────────────────


def macs(frozen: Any) -> int:
    """The multiply-accumulates of one inference: those of every convolution and matrix product in the frozen graph.

    Counted from static shapes, padding included, as the literature does. What runs inside a loop (a recurrent layer
    that is not unrolled) is not counted. Raises ModelError where a shape is not static.
    """
    return sum(_operation_macs(operation) for operation in frozen.graph.get_operations())


def _operation_macs(operation: Any) -> int:
    count = _COUNTERS.get(operation.type)
    if count is None:
        return 0
    answer = operation.outputs[0].shape
    if not all(shape.is_fully_defined() for shape in (answer, *(source.shape for source in operation.inputs))):
        raise ModelError(
            f"the operator '{operation.name}' ({operation.type}) has no fixed shape at batch 1",
            "build the model for a fixed input size, without sizes that depend on the values",
        )
    return count(operation, [source.shape.as_list() for source in operation.inputs], answer.as_list())


def _convolution(operation: Any, shapes: list[list[int]], answer: list[int]) -> int:
    # a grouped convolution's filter holds the channels of one group only
    return math.prod(answer) * math.prod(shapes[1][:-1])


def _depthwise(operation: Any, shapes: list[list[int]], answer: list[int]) -> int:
    return math.prod(answer) * math.prod(shapes[1][:2])


def _transposed(operation: Any, shapes: list[list[int]], answer: list[int]) -> int:
    # inputs: the output's size, the filter (…, out, in), and what is spread by it
    return math.prod(shapes[2]) * math.prod(shapes[1][:-1])


def _matrix_product(operation: Any, shapes: list[list[int]], answer: list[int]) -> int:
    flag = "transpose_a" if operation.type == "MatMul" else "adj_x"
    return math.prod(answer) * shapes[0][-2 if operation.get_attr(flag) else -1]


def _einsum(operation: Any, shapes: list[list[int]], answer: list[int]) -> int:
    terms = operation.get_attr("equation").decode().split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        labels = term.replace("...", "")
        before = term.index("...") if "..." in term else len(labels)
        free = [f"...{place}" for place in range(len(shape) - len(labels), 0, -1)]
        for label, size in zip([*labels[:before], *free, *labels[before:]], shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    return math.prod(sizes.values()) if len(terms) > 1 else 0


_COUNTERS: Mapping[str, Callable[[Any, list[list[int]], list[int]], int]] = {
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    "Conv3DBackpropInputV2": _transposed,
    "MatMul": _matrix_product,
    "BatchMatMul": _matrix_product,
    "BatchMatMulV2": _matrix_product,
    "BatchMatMulV3": _matrix_product,
    "Einsum": _einsum,
}


# ── layers and parameters ──────────────────────────────────────────────────────────────────────────────────────────


def keras_layers(model: Any, outer: str = "") -> Iterator[Layer]:
    """Every layer of a Keras model but its inputs; those of a model inside it are named ``outer/inner``."""
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "InputLayer":
            continue
        if hasattr(layer, "layers"):
            yield from keras_layers(layer, f"{outer}{layer.name}/")
        else:
            yield Layer(
                name=f"{outer}{layer.name}",
                kind=kind,
                parameters=int(layer.count_params()),
                output_shape=_output_shape(layer),
            )


def _output_shape(layer: Any) -> Shape:
    # a layer that is called twice, or answers with several tensors, has no one shape
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError, RuntimeError):
        return ()
    return tuple(None if size is None else int(size) for size in shape)


def graph_layers(frozen: Any) -> tuple[Layer, ...]:
    """The operators of a frozen graph that bear weights, a constant shared by two counted once."""
    layers: list[Layer] = []
    counted: set[str] = set()
    for operation in frozen.graph.get_operations():
        if operation.type in {"Const", "Identity"}:
            continue
        weights = {source.name: source for source in map(_origin, operation.inputs) if _is_weight(source)}
        fresh = [source for name, source in weights.items() if name not in counted]
        counted.update(weights)
        if fresh:
            shape = operation.outputs[0].shape
            layers.append(
                Layer(
                    name=operation.name.replace(_CALL, ""),
                    kind=operation.type,
                    parameters=sum(source.outputs[0].shape.num_elements() for source in fresh),
                    output_shape=tuple(shape.as_list()) if shape.rank is not None else (),
                )
            )
    return tuple(layers)


def _origin(source: Any) -> Any:
    operation = source.op
    while operation.type == "Identity":
        operation = operation.inputs[0].op
    return operation


def _is_weight(operation: Any) -> bool:
    return bool(
        operation.type == "Const"
        and operation.outputs[0].dtype.is_floating
        and operation.outputs[0].shape.rank not in (None, 0)
    )


# ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────────


def digest(path: Path) -> tuple[str, int]:
    """The SHA-256 and the bytes of a file, or of everything in a folder by name and content, wherever it lies."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size
    files = sorted(
        (file for file in path.rglob("*") if file.is_file()), key=lambda file: file.relative_to(path).as_posix()
    )
    whole, size = hashlib.sha256(), 0
    for file in files:
        inner, length = digest(file)
        whole.update(f"{inner} {file.relative_to(path).as_posix()}\n".encode())
        size += length
    return whole.hexdigest(), size
