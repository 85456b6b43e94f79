"""Whether a model file carries code, or asks for some: read from its configuration or its graph, never by running it.

A network is data as long as every class it names is one of Keras' own. A Lambda layer holds marshalled bytecode, some
wrappers unpickle or load another file, and a function given by name may be any function of Python.
Source: https://keras.io/api/models/model_saving_apis/, on ``safe_mode``; CVE-2024-3660, CVE-2025-1550.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

# classes of Keras that run what the file holds, or load another file that may
_CARRIERS = {
    "Lambda": "a Lambda, which holds Python bytecode",
    "__lambda__": "a Python lambda, as bytecode",
    "TorchModuleWrapper": "a TorchModuleWrapper, which holds a pickle",
    "TFSMLayer": "a TFSMLayer, which loads another file",
    "JaxLayer": "a JaxLayer, which calls a Python function",
    "FlaxLayer": "a FlaxLayer, which calls a Python function",
}

# what lies beneath `keras.` and describes networks; `keras.utils` and `keras.saving` read and write files
_NETWORK_PARTS = frozenset(
    """activations constraints dtype_policies engine initializers layers legacy losses metrics mixed_precision models
    ops optimizers quantizers random regularizers""".split()  # noqa: SIM905
)

# A Keras 2 model calls TensorFlow's functions by name. These compute; others load libraries and write files.
_COMPUTING_NAMESPACES = frozenset({"__operators__", "image", "linalg", "math", "nn", "signal"})
_COMPUTING = frozenset(
    """abs add add_n argmax argmin broadcast_to cast ceil clip_by_value concat constant convert_to_tensor cos cumsum
    divide einsum exp expand_dims fill flatten floor gather gather_nd identity logical_and logical_not logical_or matmul
    maximum minimum multiply negative norm one_hot ones ones_like pad pow range rank realdiv reduce_max reduce_mean
    reduce_min reduce_prod reduce_sum repeat reshape reverse roll round shape sigmoid sign sin size slice softmax split
    sqrt square squeeze stack stop_gradient strided_slice subtract tanh tensordot tile transpose truediv unstack where
    zeros zeros_like""".split()  # noqa: SIM905
)

# layers of Keras 2 that stand for a call in the code that built the model
_CALLS = frozenset({"TFOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty"})

# operators that call Python or touch files
_GRAPH_OPERATORS = {
    "PyFunc": "calls Python",
    "PyFuncStateless": "calls Python",
    "EagerPyFunc": "calls Python",
    "ReadFile": "reads files",
    "WriteFile": "writes files",
    "MatchingFiles": "lists files",
}


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """Something in a model that is code, or stands for code: ``what`` completes "it carries code: …"."""

    what: str
    class_name: str = ""
    module: str = ""  # set for a class that somebody else's module defines
    registered_name: str = ""


def in_config(config: Any, known: Collection[str] = ()) -> Iterator[Suspect]:
    """Each suspect in a Keras configuration (parsed JSON), nested ones included.

    ``known`` are the names of Keras' own classes, for old files that name a class without its module; where it is
    empty, such names are let through.
    """
    waiting = [config]
    while waiting:  # no recursion: a file may be nested deeper than Python goes
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("class_name"), str):
                yield from _in_object(one, known)
            waiting.extend(reversed(one.values()))
        elif isinstance(one, list):
            waiting.extend(reversed(one))


def _in_object(config: dict[str, Any], known: Collection[str]) -> Iterator[Suspect]:
    name: str = config["class_name"]
    inner = config.get("config")
    module, registered = str(config.get("module") or ""), str(config.get("registered_name") or "")
    label = inner.get("name") if isinstance(inner, dict) else None
    at = f"the layer '{label}' is " if label else ""
    if name.split(".")[-1] in _CARRIERS:
        yield Suspect(what=f"{at}{_CARRIERS[name.split('.')[-1]]}", class_name=name)
    elif name in _CALLS:
        function = _called(inner)
        if name != "TFOpLambda" or not _computes(function):
            yield Suspect(what=f"{at}a call of '{function}'", class_name=name)
    elif name == "function":
        if not _is_keras_function(module, inner):
            yield Suspect(what=f"a call of '{'.'.join(filter(None, [module, str(inner)]))}'", class_name=name)
    elif not _is_keras_class(module, name, registered) or (known and not module and not _is_known(name, inner, known)):
        # a class that is registered under a name of its own is found by that name
        shown = registered if ">" in registered else ".".join(filter(None, [module, name]))
        yield Suspect(
            what=f"{at}a '{shown}', which is not Keras' own",
            class_name=name,
            module=module,
            registered_name=registered or name,
        )


def _is_keras_class(module: str, name: str, registered: str) -> bool:
    package = (registered or name).rpartition(">")[0]
    # a dot in a name would lead on to another module
    return "." not in name and (not module or _is_network_module(module)) and package in {"", "keras", "tf_keras"}


def _is_keras_function(module: str, name: Any) -> bool:
    if not isinstance(name, str) or not name.isidentifier():
        return False
    # Keras writes `builtins` for its own activations and losses; Python's are not meant
    return not hasattr(builtins, name) if module in {"", "builtins"} else "." in module and _is_network_module(module)


def _is_network_module(module: str) -> bool:
    package, *parts = [part for part in module.split(".") if part not in {"src", "api", "_tf_keras", "v2"}]
    return package in {"keras", "tf_keras"} and (not parts or parts[0] in _NETWORK_PARTS)


def _is_known(name: str, inner: Any, known: Collection[str]) -> bool:
    # old files number their classes: BatchNormalizationV1
    return (
        inner is None or name.startswith("__") or name in known or name.removesuffix("V1").removesuffix("V2") in known
    )


def _called(inner: Any) -> str:
    inner = inner if isinstance(inner, dict) else {}
    return str(next((inner[key] for key in ("function", "method_name", "attr_name") if key in inner), "a function"))


def _computes(function: str) -> bool:
    *namespaces, name = function.removeprefix("tf.").removeprefix("compat.v1.").split(".")
    return namespaces[0] in _COMPUTING_NAMESPACES if namespaces else name in _COMPUTING


def in_graph(saved_model: Any) -> Iterator[Suspect]:
    """Each suspect operator in a ``SavedModel`` protocol buffer, those of its functions included."""
    seen = set()
    for meta in saved_model.meta_graphs:
        nodes = [
            *meta.graph_def.node,
            *(node for function in meta.graph_def.library.function for node in function.node_def),
        ]
        for node in nodes:
            if node.op in _GRAPH_OPERATORS and node.op not in seen:
                seen.add(node.op)
                yield Suspect(what=f"the operator '{node.op}' {_GRAPH_OPERATORS[node.op]}", class_name=node.op)
