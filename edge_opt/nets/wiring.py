"""Whether the layers of a Keras 2 model can be called in some order: tf_keras, which does it, would search for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Node = tuple[str, Any]  # a call of a layer: its name, and the how many-th call it is


def stuck(config: Any) -> str:
    """The name of a layer that waits for itself, or for a call that nobody makes; "" where all can be called.

    Source: ``reconstruct_from_config`` of tf_keras, of which this is the order without the calls.
    """
    waiting = [config]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
            layers = one.get("layers")
            if isinstance(layers, list) and (name := _stuck_in(layers)):
                return name
        elif isinstance(one, list):
            waiting.extend(one)
    return ""


def _stuck_in(layers: list[Any]) -> str:
    calls = {
        layer["name"]: list(layer["inbound_nodes"])
        for layer in layers
        if isinstance(layer, dict)
        and isinstance(layer.get("name"), str)
        and isinstance(layer.get("inbound_nodes"), list)
        and layer.get("class_name") != "InputLayer"
    }
    # calls of a model in a model are counted from 1 where it begins with an input, and from 0 elsewhere
    models = {layer["name"] for layer in layers if _is_model(layer) and layer["name"] in calls}
    made = dict.fromkeys(calls, 0)

    def ready(node: Node) -> bool:
        name, index = node
        # a name that is not there is an error of its own, and an input answers whatever the index is
        if name not in made:
            return True
        return isinstance(index, int) and index >= 0 and made[name] >= (max(1, index) if name in models else index + 1)

    moved = True
    while moved:
        moved = False
        for name, nodes in calls.items():
            while made[name] < len(nodes) and all(map(ready, _needed(nodes[made[name]]))):
                made[name] += 1
                moved = True
    return next((name for name, nodes in calls.items() if made[name] < len(nodes)), "")


def _is_model(layer: Any) -> bool:
    inner = layer.get("config") if isinstance(layer, dict) and isinstance(layer.get("name"), str) else None
    return isinstance(inner, dict) and "layers" in inner


def _needed(data: Any) -> Iterator[Node]:
    """Each call that a call needs the answer of: ``[name, index, tensor, {…}]`` wherever in its data."""
    waiting = [data]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list) and len(one) in (3, 4) and isinstance(one[0], str):
            yield one[0], one[1]
            waiting.extend(one[3:])
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, dict):
            waiting.extend(one.values())
