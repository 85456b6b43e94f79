"""A checked ONNX model → the same at batch 1, float32 in and out, in an operator set that can be quantized."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge_opt.nets.onnx_graph import nodes, package, shape

OLDEST = 13  # operator set: the first whose QuantizeLinear has a scale for each channel
_IR = 8  # the format of the file that goes with it


def at_batch_1(given: Any) -> Any:
    """A copy of ``given``, whose input leaves only the batch free, with all shapes inferred."""
    model = package().ModelProto()
    model.CopyFrom(given)
    _only_real_inputs(model.graph)
    _lift_constants(model.graph)
    model.ir_version = max(model.ir_version, _IR)
    _fix_batch(model.graph)
    if _opset(model) < OLDEST:
        model = package().version_converter.convert_version(model, OLDEST)
    _name(model.graph)
    _float_ports(model.graph)
    del model.graph.value_info[:]
    _declare_answer(model)
    return model


def _opset(model: Any) -> int:
    return max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)


def _only_real_inputs(graph: Any) -> None:
    stored = {weight.name for weight in graph.initializer}
    kept = [_copy(port) for port in graph.input if port.name not in stored]
    del graph.input[:]
    graph.input.extend(kept)


def _lift_constants(graph: Any) -> None:
    """Make initializers of constant tensors: there everybody looks for weights."""
    kept = []
    for node in graph.node:
        value = next((one.t for one in node.attribute if one.name == "value"), None)
        if node.op_type == "Constant" and value is not None:
            weight = _copy(value)
            weight.name = node.output[0]
            graph.initializer.append(weight)
        else:
            kept.append(_copy(node))
    del graph.node[:]
    graph.node.extend(kept)


def _fix_batch(graph: Any) -> None:
    """Make the batch 1 wherever the graph declares it, by its place or by its name."""
    (port,) = graph.input
    first = port.type.tensor_type.shape.dim[0]
    batch = first.dim_param
    for one in (port, *graph.output):
        sizes = one.type.tensor_type.shape.dim
        for place, size in enumerate(sizes):
            if not size.HasField("dim_value") and (place == 0 or (batch and size.dim_param == batch)):
                size.dim_value = 1
    del graph.value_info[:]  # what is declared inside may name the batch, or count it


def _name(graph: Any) -> None:
    """Name every node by its kind and number where it has no name, or one that another has too."""
    seen: set[str] = set()
    for place, node in enumerate(graph.node):
        if not node.name or node.name in seen:
            node.name = next(name for name in _names(f"{node.op_type}_{place}") if name not in seen)
        seen.add(node.name)


def _names(first: str) -> Iterator[str]:
    yield first
    count = 2
    while True:
        yield f"{first}_{count}"
        count += 1


def _float_ports(graph: Any) -> None:
    """Cast where the input or the output is not float32; both keep their names."""
    onnx = package()
    float32 = onnx.TensorProto.FLOAT
    (given,), (answer,) = graph.input, graph.output
    kinds = given.type.tensor_type.elem_type, answer.type.tensor_type.elem_type
    taken = {name for node in nodes(graph) for name in (*node.input, *node.output)}
    if kinds[0] != float32:
        inner = next(name for name in _names(f"{given.name}_cast") if name not in taken)
        _rename(graph, given.name, inner)
        node = onnx.helper.make_node("Cast", [given.name], [inner], name="cast_input", to=kinds[0])
        graph.node.insert(0, node)
        given.type.tensor_type.elem_type = float32
    if kinds[1] != float32:
        inner = next(name for name in _names(f"{answer.name}_uncast") if name not in taken)
        _rename(graph, answer.name, inner)
        graph.node.append(onnx.helper.make_node("Cast", [inner], [answer.name], name="cast_output", to=float32))
        answer.type.tensor_type.elem_type = float32


def _rename(graph: Any, old: str, new: str) -> None:
    for node in nodes(graph):  # a branch or a loop may read it too
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def _declare_answer(model: Any) -> None:
    """Write the shape of the output down, where the file does not and shape inference knows it."""
    (answer,) = model.graph.output
    declared = answer.type.tensor_type.shape
    if answer.type.tensor_type.HasField("shape") and None not in shape(answer):
        return
    answer.type.tensor_type.ClearField("shape")
    inferred = package().shape_inference.infer_shapes(model, data_prop=True).graph.output[0]
    answer.type.tensor_type.shape.CopyFrom(
        inferred.type.tensor_type.shape if inferred.type.tensor_type.HasField("shape") else declared
    )


def _copy(message: Any) -> Any:
    # what protobuf gives out are views, which die with the list they are in
    copied = type(message)()
    copied.CopyFrom(message)
    return copied
