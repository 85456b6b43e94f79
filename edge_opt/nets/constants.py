"""A traced function → the same without variables, side effects and functions inside: what an exporter can read."""

from __future__ import annotations

from typing import Any

from edge_opt.nets.frameworks import tensorflow

# what keeps Keras' grouped convolutions in functions of their own
_KEPT_APART = ("_XlaMustCompile", "_noinline")
_RENAMED = "_frozen"


def freeze(traced: Any) -> Any:
    """``traced``, a concrete function of one tensor, as one flat graph whose weights are constants.

    What ``convert_variables_to_constants_v2`` does, and more: that fails where the graph assigns to a variable, as
    the ones that count random numbers, and leaves grouped convolutions in functions without shapes.
    """
    tensorflow()
    from tensorflow.python.eager.wrap_function import function_from_graph_def

    # TensorFlow's public function is these two and a third step, before which the graph must be trimmed
    from tensorflow.python.framework.convert_to_constants import (
        _FunctionConverterDataInEager,
        _replace_variables_by_constants,
    )

    variables = _FunctionConverterDataInEager(func=traced, lower_control_flow=False, aggressive_inlining=False)
    graph, _ = _replace_variables_by_constants(converter_data=variables)
    # captured weights come after the arguments
    names = [traced.inputs[0].name], [tensor.name for tensor in traced.outputs]
    trimmed = _without_side_effects(graph, names[0] + names[1])
    apart = _join(trimmed)
    flat = function_from_graph_def(trimmed, *names)
    return freeze(flat) if apart else flat


def _without_side_effects(graph: Any, names: list[str]) -> Any:
    """What the tensors ``names`` are computed from: no assignment, no assertion, no order that data does not demand."""
    for node in graph.node:
        needed = [source for source in node.input if not source.startswith("^")]
        del node.input[:]
        node.input.extend(needed)
    extract = tensorflow().compat.v1.graph_util.extract_sub_graph
    return extract(graph, [name.split(":")[0] for name in names])


def _join(graph: Any) -> bool:
    """Rename the functions of ``graph`` and let them be inlined; returns whether one was kept from it before."""
    functions = graph.library.function
    known = {function.signature.name for function in functions}
    nodes = (*graph.node, *(node for function in functions for node in function.node_def))
    # the process knows the old names already, for the functions as they were
    for function in functions:
        function.signature.name += _RENAMED
    for attribute in (attribute for node in nodes for attribute in node.attr.values()):
        for reference in (attribute.func, *attribute.list.func):
            if reference.name in known:
                reference.name += _RENAMED
    kept = [(part, name) for part in (*functions, *nodes) for name in _KEPT_APART if name in part.attr]
    for part, name in kept:
        del part.attr[name]
    return bool(kept)
