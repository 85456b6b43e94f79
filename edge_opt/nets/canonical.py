"""An ONNX graph → the same graph in one order and under steady names, so that one model is always one file.

tf2onnx numbers what it makes, and names merged constants, in an order that differs from run to run: two conversions of
one model compute the same and differ in bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def canonical(model: Any, ports: Mapping[str, str]) -> None:
    """Order and rename in place: inputs and outputs as ``ports`` says, the rest by its own name without counters.

    Leaves a graph with loops or branches as it is: what is inside them may read any name outside.
    """
    graph = model.graph
    if any(attribute.HasField("g") or attribute.graphs for node in graph.node for attribute in node.attribute):
        return
    nodes = [_copy(node) for node in _from_the_outputs(graph)]
    for node, name in zip(nodes, _steady(node.name or node.op_type for node in nodes), strict=True):
        node.name = name
    weights = {weight.name: _copy(weight) for weight in graph.initializer}
    wanted = {name: name for node in nodes for name in node.output if name}
    for node in reversed(nodes):  # the first that reads a weight gives it its name
        wanted.update({name: f"{node.name}/{place}" for place, name in enumerate(node.input) if name in weights})
    names = dict(zip(wanted, _steady(wanted.values(), ports.values()), strict=True)) | dict(ports)
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for port in [*graph.input, *graph.output]:
        port.name = names.get(port.name, port.name)
    for name, weight in weights.items():
        weight.name = names.get(name, name)
    _replace(graph.node, nodes)
    _replace(graph.initializer, sorted((weights[name] for name in weights if name in wanted), key=lambda one: one.name))
    del graph.value_info[:]  # shapes of what is inside, under the old names; every reader infers them


def _from_the_outputs(graph: Any) -> Iterator[Any]:
    """Each node after those it needs, walking back from the outputs: an order that only the graph decides."""
    makers = {name: node for node in graph.node for name in node.output}
    done: set[str] = set()
    waiting = [(makers[port.name], False) for port in reversed(graph.output) if port.name in makers]
    while waiting:
        node, ready = waiting.pop()
        if node.output[0] in done:
            continue
        if ready:
            done.add(node.output[0])
            yield node
        else:
            waiting.append((node, True))
            waiting += [(makers[name], False) for name in reversed(node.input) if name in makers]


def _steady(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The names without tf2onnx's counters (``__42``) and TensorFlow's calls; the later of two alike gets a number."""
    seen, steady = set(taken), []
    for name in names:
        fresh = bare = re.sub(r"__\d+|^(Stateful)?(PartitionedCall/)+", "", name)
        count = 1
        while fresh in seen:
            count += 1
            fresh = f"{bare}_{count}"
        seen.add(fresh)
        steady.append(fresh)
    return steady


def _copy(message: Any) -> Any:
    # what protobuf gives out are views, which die with the list they are in
    copied = type(message)()
    copied.CopyFrom(message)
    return copied


def _replace(field: Any, messages: list[Any]) -> None:
    del field[:]
    field.extend(messages)
