"""A ``.tflite`` file read without running it: its operators and tensors, checked as far as that is possible."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_opt.errors import ModelError
from edge_opt.nets import describe
from edge_opt.nets.conversion import imported
from edge_opt.types import Layer, TensorSpec

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every such file

_LARGEST_BYTES = 2**31 - 1  # of a file, and of a tensor: what the format itself can address
_DAMAGED = "copy or download the file again, or convert the model anew"
# sizes in bytes of the element types; of the others (text, resources, fewer than 8 bits) nothing is checked
_ANONYMOUS = re.compile(r"(Stateful)?PartitionedCall(_\d+)?:\d+$")
_SIZES = {"int4": 0, "int2": 0, "string": 0, "resource": 0, "variant": 0, "bfloat16": 2}


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One tensor of the graph: ``shape`` as written in the file, ``None`` where it is free; ``buffer`` its content."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    constant: bool
    quantized: bool
    buffer: int

    @property
    def elements(self) -> int:
        """How many numbers it holds, free dimensions counted as one."""
        return math.prod(1 if size is None else size for size in self.shape)

    @property
    def weights(self) -> bool:
        """Whether it holds numbers that were trained: constant, float, and no scalar."""
        return self.constant and bool(self.shape) and self.dtype in ("float32", "float16", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Node:
    """One operator: its kind as TFLite spells it (``CONV_2D``), and the tensors it reads and writes, absent ones -1."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    custom: str = ""  # the name of an operator that is none of TFLite's own


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The main graph of a ``.tflite`` file, its operators in the order in which they run."""

    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def specification(self, places: Iterable[int]) -> list[TensorSpec]:
        """The description of inputs or outputs, by their places among the tensors."""
        found = [self.tensors[place] for place in places]
        return [describe.tensor(one.name.split(":")[0], one.shape, one.dtype) for one in found]

    def activations(self, node: Node) -> tuple[int, ...]:
        """The float tensors that ``node`` reads and that are computed, not stored."""
        read = [place for place in node.inputs if place >= 0]
        return tuple(
            place for place in read if not self.tensors[place].constant and self.tensors[place].dtype == "float32"
        )

    def bears_weights(self, node: Node) -> bool:
        """Whether ``node`` reads trained numbers."""
        return any(place >= 0 and self.tensors[place].weights for place in node.inputs)

    def layer_names(self) -> dict[str, Node]:
        """Each operator by the name of the tensor it writes, in their order: what a layer of a TFLite model is called.

        A fused operator has the names of all it was made from, ``a/conv/Relu;a/conv/BiasAdd``. What they share,
        ``a/conv``, is used where it is nobody else's. The last one, which TensorFlow calls
        ``StatefulPartitionedCall:0``, has the name of its weights.
        """
        whole = {self.tensors[node.outputs[0]].name: node for node in self.nodes if node.outputs}
        short = [_shared(self._called(name, node)) for name, node in whole.items()]
        return {
            brief if short.count(brief) == 1 and brief not in whole else name: node
            for brief, (name, node) in zip(short, whole.items(), strict=True)
        }

    def _called(self, name: str, node: Node) -> str:
        weights = [self.tensors[place].name for place in node.inputs if place >= 0 and self.tensors[place].weights]
        return f"{weights[0]};{weights[0]}" if weights and _ANONYMOUS.match(name) else name


def _shared(name: str) -> str:
    folders = [part.split("/")[:-1] for part in name.split(";") if part]
    alike = bool(folders) and len(folders) > 1 and all(folder == folders[0] for folder in folders)
    return "/".join(folders[0]) if alike and folders[0] else name


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(path: Path) -> Graph:
    """The graph of the file at ``path``. Raises ModelError where it is none, is damaged, or has no such tensors."""
    return graph(path.name, load(path))


def load(path: Path) -> Any:
    """The flatbuffer of the file at ``path`` as the objects of its schema. Raises ModelError where it is damaged."""
    if not path.is_file():
        raise ModelError(f"there is no file '{path}'", "give the path of a .tflite file")
    if path.stat().st_size > _LARGEST_BYTES:
        raise ModelError(f"'{path.name}' is larger than 2 GB, which no .tflite file can be", _DAMAGED)
    content = path.read_bytes()
    if content[4:8] != IDENTIFIER:
        told = "is an empty file" if not content else "is not a TFLite model"
        raise ModelError(f"'{path.name}' {told}: it does not begin as one", _DAMAGED)
    try:
        return parsed(content)
    except (struct.error, ValueError, TypeError, IndexError, OverflowError, AttributeError, RecursionError) as error:
        raise ModelError(f"'{path.name}' is damaged: it points beyond its end", _DAMAGED) from error


def parsed(content: bytes) -> Any:
    """The flatbuffer ``content`` as the objects of its schema; raises whatever it meets where it is damaged."""
    schema = imported("ai_edge_litert.schema_py_generated", "ai-edge-litert", "litert", "reading a .tflite file")
    return schema.ModelT.InitFromPackedBuf(content, 0)


def graph(name: str, model: Any) -> Graph:
    """The main graph of a ``model`` as :func:`load` gives it; ``name`` is for messages. Raises ModelError."""
    try:
        found = _graph(model)
        _check(found, model)
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError) as error:
        # what is missing, of the wrong kind, or points nowhere
        raise ModelError(f"'{name}' is damaged: its graph does not hold together", _DAMAGED) from error
    return found


def _graph(model: Any) -> Graph:
    schema = imported("ai_edge_litert.schema_py_generated", "ai-edge-litert", "litert", "reading a .tflite file")
    kinds = {value: key for key, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    dtypes = {value: key.lower() for key, value in vars(schema.TensorType).items() if isinstance(value, int)}
    main = model.subgraphs[0]
    tensors = tuple(_tensor(one, dtypes, model.buffers) for one in main.tensors)
    nodes = []
    for operator in main.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        # the older of the two fields ends at 127, which then stands for "look at the newer one"
        kind = kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        custom = (code.customCode or b"").decode() if kind == "CUSTOM" else ""
        nodes.append(Node(kind=kind, inputs=_places(operator.inputs), outputs=_places(operator.outputs), custom=custom))
    return Graph(tensors=tensors, nodes=tuple(nodes), inputs=_places(main.inputs), outputs=_places(main.outputs))


def _places(given: Any) -> tuple[int, ...]:
    return tuple(int(place) for place in (() if given is None else given))


def _tensor(one: Any, dtypes: Mapping[int, str], buffers: Sequence[Any]) -> Tensor:
    signature = _places(one.shapeSignature if one.shapeSignature is not None else one.shape)
    scales = one.quantization.scale if one.quantization is not None else None
    content = buffers[one.buffer]
    return Tensor(
        name=(one.name or b"").decode(),
        shape=tuple(None if size < 0 else size for size in signature),
        dtype=dtypes[one.type],
        constant=content.data is not None or bool(content.size),
        quantized=scales is not None and len(scales) > 0,
        buffer=int(one.buffer),
    )


def _check(found: Graph, model: Any) -> None:
    """Raise ValueError where an index points nowhere, or a tensor does not have the bytes that its shape asks for."""
    count = len(found.tensors)
    if not all(0 <= place < count for place in (*found.inputs, *found.outputs)):
        raise ValueError("an input or output that is no tensor")
    if not all(-1 <= place < count for node in found.nodes for place in (*node.inputs, *node.outputs)):
        raise ValueError("an operator that reads or writes no tensor")
    for tensor in found.tensors:
        size = _SIZES[tensor.dtype] if tensor.dtype in _SIZES else np.dtype(tensor.dtype).itemsize
        needed = tensor.elements * size
        if needed > _LARGEST_BYTES:
            raise ValueError("a tensor that is larger than the format allows")
        data = model.buffers[tensor.buffer].data
        if size and data is not None and len(data) < needed:
            raise ValueError("a constant with less content than its shape says")


def for_one_sample(model: Any, content: bytes) -> bytes:
    """The file ``content``, which :func:`load` gave as ``model``, at batch 1, each tensor with a name of its own.

    The very ``content`` where nothing was to be done. Changes ``model``.
    """
    main, changed = model.subgraphs[0], False
    for place, tensor in enumerate(main.tensors):
        if tensor.shapeSignature is not None and any(size < 0 for size in tensor.shapeSignature):
            # what was free has a size beside the signature; the runtime works out the others from the input's
            if place in main.inputs:
                tensor.shape = np.asarray([1, *tensor.shape[1:]], np.int32)
            tensor.shapeSignature, changed = None, True
    seen: set[bytes] = set()
    for place, tensor in enumerate(main.tensors):
        if not tensor.name or tensor.name in seen:  # quantizers know tensors by their names
            tensor.name, changed = b"%s_%d" % (tensor.name or b"tensor", place), True
        seen.add(tensor.name)
    return packed(model) if changed else content


def packed(model: Any) -> bytes:
    """The file of a ``model`` as :func:`load` gives it."""
    flatbuffers = imported("flatbuffers", "ai-edge-litert", "litert", "writing a .tflite file")
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


# ── what it consists of ────────────────────────────────────────────────────────────────────────────────────────────


def layers(given: Graph, shapes: Sequence[tuple[int, ...]]) -> tuple[Layer, ...]:
    """The operators that bear weights, a constant shared by two counted once; ``shapes`` are those of all tensors."""
    found: list[Layer] = []
    counted: set[int] = set()
    for name, node in given.layer_names().items():
        weights = {place for place in node.inputs if place >= 0 and given.tensors[place].weights}
        fresh = {given.tensors[place].buffer: given.tensors[place].elements for place in weights}
        parameters = sum(elements for buffer, elements in fresh.items() if buffer not in counted)
        counted.update(fresh)
        if parameters:
            found.append(Layer(name=name, kind=node.kind, parameters=parameters, output_shape=shapes[node.outputs[0]]))
    return tuple(found)


def macs(given: Graph, shapes: Sequence[tuple[int, ...]]) -> int:
    """The multiply-accumulates of one inference, padding included; ``shapes`` are those of all tensors at batch 1."""
    return sum(_macs(node, shapes) for node in given.nodes)


def _macs(node: Node, shapes: Sequence[tuple[int, ...]]) -> int:
    answer = math.prod(shapes[node.outputs[0]]) if node.outputs else 0
    if node.kind in ("CONV_2D", "FULLY_CONNECTED"):  # filters (out, …, in)
        return answer * math.prod(shapes[node.inputs[1]][1:])
    if node.kind == "DEPTHWISE_CONV_2D":  # (1, height, width, out)
        return answer * math.prod(shapes[node.inputs[1]][1:3])
    if node.kind == "CONV_3D":  # (depth, height, width, in, out)
        return answer * math.prod(shapes[node.inputs[1]][:4])
    if node.kind == "TRANSPOSE_CONV":  # (out, height, width, in), and every input is spread by it
        return math.prod(shapes[node.inputs[2]]) * math.prod(shapes[node.inputs[1]][:3])
    if node.kind == "BATCH_MATMUL":
        first, last = math.prod(shapes[node.inputs[0]]), math.prod(shapes[node.inputs[1]])
        rows_and_columns = math.prod(shapes[node.outputs[0]][-2:])
        # (…, m, k) times (…, k, n), whichever is transposed: k² = m·k · k·n / (m·n), per matrix
        batch = max(answer // max(rows_and_columns, 1), 1)
        return answer * math.isqrt(max((first // batch) * (last // batch) // max(rows_and_columns, 1), 0))
    return 0
