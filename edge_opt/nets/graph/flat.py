"""A Keras 3 model as one list of calls, models inside it opened; and a model made again from such a list."""

from __future__ import annotations

import contextlib
import copy
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from edge_opt.errors import ModelError
from edge_opt.nets import frameworks, freeze

_HINT = "build it with keras.Sequential or keras.Model(inputs, outputs), of layers that save their configuration"


@dataclass(frozen=True, eq=False)
class Tensor:
    """What one call answers and others read; its shape begins with the batch."""

    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True, eq=False)
class Call:
    """One use of a layer, or of an operation without weights; a shared layer is called several times."""

    operation: Any
    name: str  # of the layer, told apart from others of its name in other models
    arguments: tuple[Any, ...]  # as Keras takes them, with a :class:`Tensor` for each of its tensors
    options: Mapping[str, Any]
    outputs: tuple[Tensor, ...]

    @property
    def kind(self) -> str:
        """The class of Keras' own layers and operations; "" of those that others wrote."""
        kind = type(self.operation)
        return kind.__name__ if kind.__module__.startswith("keras.") else ""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that it reads, in order."""
        found = frameworks.keras().tree.flatten((self.arguments, dict(self.options)))
        return tuple(one for one in found if isinstance(one, Tensor))

    @property
    def is_layer(self) -> bool:
        """Whether it is a layer, and no bare operation."""
        return isinstance(self.operation, frameworks.keras().layers.Layer)


@dataclass(frozen=True, eq=False)
class Flat:
    """The calls of a model in an order in which they can run."""

    model: Any
    inputs: Any  # as the model takes them: a Tensor, or a list or dict of them
    outputs: Any
    input_names: tuple[str, ...]
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Replacement:
    """What answers in place of a call: a layer that has not been built, with its weights; its name is the call's.

    Without a layer the call is left out, and its first input passes through. Without weights they are as initialised.
    """

    layer: Any = None
    weights: Sequence[NDArray[Any]] | None = None


# ── from a model to calls ──────────────────────────────────────────────────────────────────────────────────────────


def flatten(model: Any) -> Flat:
    """The calls of ``model``, a Functional or Sequential one. Raises ModelError for another."""
    function = _function(model)
    if function is None:
        raise ModelError(f"the layers of '{model.name}' cannot be looked at: it is a class of its own", _HINT)
    walk = _Opening(frameworks.keras().tree)
    inputs = walk.tree.map_structure(_tensor, function._inputs_struct)
    outputs = walk.run(function, walk.tree.flatten(inputs), "")
    names = _names(walk.found, dict(zip(map(id, outputs), _output_names(model, function), strict=True)))
    calls = tuple(
        Call(operation, names[id(operation)], arguments, options, answers)
        for _, operation, arguments, options, answers in walk.found
    )
    return Flat(
        model=model,
        inputs=inputs,
        outputs=walk.tree.pack_sequence_as(function._outputs_struct, outputs),
        input_names=tuple(_written(tensor.name.split(":")[0]) for tensor in function._inputs),
        calls=calls,
    )


@dataclass
class _Opening:
    """Opens models, and writes down what is called: outer name, operation, arguments, options, answers."""

    tree: Any
    found: list[tuple[str, Any, tuple[Any, ...], dict[str, Any], tuple[Tensor, ...]]] = field(default_factory=list)

    def run(self, function: Any, inputs: Sequence[Tensor], outer: str) -> list[Tensor]:
        """The tensors that ``function`` answers with to ``inputs``."""
        known = dict(zip(map(id, function._inputs), inputs, strict=True))
        for depth in sorted(function._nodes_by_depth, reverse=True):
            for node in function._nodes_by_depth[depth]:
                if not node.is_input and all(id(tensor) in known for tensor in node.input_tensors):
                    answers = self._call(node, known, outer)
                    known.update(zip(map(id, node.outputs), answers, strict=True))
        return [known[id(tensor)] for tensor in function._outputs]

    def _call(self, node: Any, known: Mapping[int, Tensor], outer: str) -> Sequence[Tensor]:
        arguments, options = node.arguments.convert(lambda leaf: known.get(id(leaf), leaf))
        inner = _function(node.operation)
        given = [leaf for leaf in self.tree.flatten((arguments, options)) if isinstance(leaf, Tensor)]
        if inner is not None and _fits(inner, given):
            return self.run(inner, given, f"{outer}{node.operation.name}/")
        # "not in training" is how everything here runs, but for the training that follows: that is for all layers
        options = {key: value for key, value in options.items() if not (key == "training" and not value)}
        answers = tuple(_tensor(output) for output in node.outputs)
        self.found.append((outer, node.operation, tuple(arguments), options, answers))
        return answers


def _function(operation: Any) -> Any:
    """What holds the graph of a model that is nothing but one; None of layers, and of classes that call otherwise."""
    if not isinstance(operation, frameworks.keras().Model) or not type(operation).call.__module__.startswith("keras."):
        return None
    function = getattr(operation, "_functional", operation)
    return function if hasattr(function, "_nodes_by_depth") else None


def _fits(inner: Any, given: Sequence[Tensor]) -> bool:
    """Whether a model takes tensors as they are, without making another rank or type of them."""
    return len(given) == len(inner._inputs) and all(
        len(tensor.shape) == len(own.shape) and tensor.dtype == own.dtype
        for tensor, own in zip(given, inner._inputs, strict=True)
    )


def _tensor(symbolic: Any) -> Tensor:
    return Tensor(tuple(symbolic.shape), str(symbolic.dtype))


def _output_names(model: Any, function: Any) -> list[str]:
    return [tensor._keras_history.operation.name for tensor in function._outputs]


def _names(found: Sequence[tuple[Any, ...]], answering: Mapping[int, str]) -> dict[int, str]:
    """A name for each operation, no two the same: its own where it can be; what answers is called as the answer is."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for first in (True, False):
        for outer, operation, _, _, answers in found:
            wanted = next((answering[id(answer)] for answer in answers if id(answer) in answering), "")
            if id(operation) in names or (first and not wanted):
                continue
            names[id(operation)] = _free(_candidates(wanted or operation.name, outer), taken)
            taken.add(names[id(operation)])
    return names


def _candidates(name: str, outer: str) -> Iterator[str]:
    yield _written(name)
    longer = _written(f"{outer}{name}")
    yield longer
    number = 2
    while True:
        yield f"{longer}_{number}"
        number += 1


def _free(candidates: Iterator[str], taken: set[str]) -> str:
    return next(name for name in candidates if name not in taken)


def _written(name: str) -> str:
    # a SavedModel cannot hold names that begin with "_", nor a Keras model those with "/"
    return re.sub(r"[/:]", "_", name).lstrip("_") or "layer"


# ── from calls to a model ──────────────────────────────────────────────────────────────────────────────────────────


def rebuild(flat: Flat, replace: Callable[[Call], Replacement | None]) -> Any:
    """A new model with weights of its own and the names of the old one, but for what ``replace`` answers.

    It takes any number of samples, unless a layer is for a certain one. ``replace`` is asked for every layer, with its
    first call; None copies it as it is. Raises ModelError where a layer cannot be copied, or its weights do not fit
    what comes in now.
    """
    tensors = frameworks.keras().tree.flatten(flat.inputs)
    if any(tensor.shape[0] is not None for tensor in tensors):
        with contextlib.suppress(ModelError):
            found = _rebuilt(flat, replace, free=True)
            if all(tensor.shape[:1] == (None,) for call in flatten(found).calls for tensor in call.outputs):
                return found
    return _rebuilt(flat, replace, free=False)


def _rebuilt(flat: Flat, replace: Callable[[Call], Replacement | None], *, free: bool) -> Any:
    keras = frameworks.keras()
    made: dict[int, Replacement] = {}
    built: set[int] = set()
    tensors: dict[int, Any] = {}

    def mapped(leaf: Any) -> Any:
        return tensors[id(leaf)] if isinstance(leaf, Tensor) else leaf

    for tensor, name in zip(keras.tree.flatten(flat.inputs), flat.input_names, strict=True):
        shape = (None, *tensor.shape[1:]) if free else tensor.shape
        tensors[id(tensor)] = keras.Input(batch_shape=shape, dtype=tensor.dtype, name=name)
    for call in flat.calls:
        key = id(call.operation)
        if key not in made:
            made[key] = replace(call) or copied(call)
        new = made[key]
        if new.layer is None:
            tensors[id(call.outputs[0])] = tensors[id(call.inputs[0])]
            continue
        new.layer.name = call.name
        arguments, options = keras.tree.map_structure(mapped, (call.arguments, dict(call.options)))
        with freeze.wrapped(f"'{call.name}' does not fit what comes in after the change", "leave this pass out"):
            answers = keras.tree.flatten(new.layer(*arguments, **options))
            if key not in built and new.weights is not None:
                new.layer.set_weights(new.weights)
        built.add(key)
        tensors.update(zip(map(id, call.outputs), answers, strict=True))
    inputs, outputs = keras.tree.map_structure(mapped, (flat.inputs, flat.outputs))
    return keras.Model(inputs, outputs, name=_written(flat.model.name))


def copied(call: Call, changes: Mapping[str, Any] | None = None) -> Replacement:
    """The layer of ``call`` again with weights of its own, ``changes`` made to its configuration."""
    operation = call.operation
    if not call.is_layer:
        # it has no weights, and some cannot tell their configuration
        twin = copy.copy(operation)
        twin._inbound_nodes, twin._outbound_nodes = [], []
        for key, value in {**_for_any_batch(call), **(changes or {})}.items():
            setattr(twin, key, value)
        return Replacement(twin, None)
    return Replacement(_again(call, changes or {}), operation.get_weights())


def _for_any_batch(call: Call) -> dict[str, Any]:
    """What of an operation names the size of the batch, without it."""
    if call.kind != "Reshape":
        return {}
    before, after = call.inputs[0].shape[1:], call.outputs[0].shape[1:]
    sizes = [math.prod(size or 0 for size in shape) for shape in (before, after)]
    return {"newshape": (-1, *after)} if None not in (*before, *after) and sizes[0] == sizes[1] else {}


def _again(call: Call, changes: Mapping[str, Any]) -> Any:
    operation = call.operation
    if call.kind == "Lambda":
        # its configuration holds code, which Keras does not read back; the function itself was allowed already
        return type(operation)(
            operation.function, operation._output_shape, operation.mask, operation.arguments, name=call.name
        )
    with freeze.wrapped(
        f"the layer '{call.name}' ({type(operation).__name__}) cannot be made again from its configuration",
        "give its class a get_config() that tells every argument of its constructor",
    ):
        return type(operation).from_config({**operation.get_config(), **changes, "name": call.name})
