"""What can leave a network as a whole, so that what it read passes on to whoever read its answer."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from edge_opt.nets.chain import Chains, pointwise
from edge_opt.nets.graph import Call, Graph, Replacement, Tensor, rebuilt
from edge_opt.nets.refit import MOST_COLUMNS

_LAYER = re.compile(r"Dense|(?:Separable|Depthwise)?Conv\dD")
_READER = re.compile(r"Dense|Conv\dD")
_BETWEEN = re.compile(r"Flatten|(?:Global)?(?:Max|Average)Pooling\dD|ZeroPadding\dD|Cropping\dD|UpSampling\dD")


@dataclass(frozen=True, eq=False)
class Block:
    """Calls that can leave together, the first input of each passing through."""

    name: str  # of the layer or the addition that it is about
    calls: tuple[Call, ...]
    reader: Call | None  # a layer behind that needs another kernel then; None where all keep theirs

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers among them."""
        return tuple(call.name for call in self.calls if call.is_layer)


def blocks(graph: Graph) -> tuple[Block, ...]:
    """Everything that can leave ``graph`` as a whole, in the order of its calls.

    That is a layer that keeps the size, with what normalises and activates it: a Dense, or a convolution of stride 1
    that fills up its edges; and what a shortcut goes around, which leaves as one.
    """
    chains = Chains(graph)
    found = (_residual(graph, chains, call) if call.kind == "Add" else _layer(chains, call) for call in graph.calls)
    return tuple(block for block in found if block)


def without(graph: Graph, block: Block) -> Any:
    """A new model without ``block``; its reader, where it has one, has weights that mean nothing yet."""
    leaving = {id(call) for call in block.calls}

    def answer(call: Call) -> Replacement | None:
        if id(call) in leaving:
            return Replacement()
        if block.reader is not None and call is block.reader:
            layer = call.operation
            return Replacement(type(layer).from_config({**layer.get_config(), "name": call.name}))
        return None

    return rebuilt(graph, answer)


def _layer(chains: Chains, call: Call) -> Block | None:
    """One layer and what belongs to it, where what it reads could be read in place of what it answers."""
    if not _LAYER.fullmatch(call.kind) or not chains.once(call) or chains.answers(call.outputs[0]):
        return None
    before, after = call.inputs[0].shape, call.outputs[0].shape
    ordinary = getattr(call.operation, "data_format", "channels_last") == "channels_last"
    if not ordinary or before[:-1] != after[:-1] or None in (*before[1:], *after[1:]):
        return None
    own, leaving = [call], [call]  # directly behind it, and anywhere up to its reader
    for one in chains.after(call):
        if pointwise(one):
            leaving.append(one)
            if one.inputs[0] is own[-1].outputs[0]:
                own.append(one)
        elif not _BETWEEN.fullmatch(one.kind):
            if _refittable(one, before[-1] or 0, after[-1] or 0):
                return Block(call.name, tuple(leaving), one)
            break
    return Block(call.name, tuple(own), None) if before == after else None


def _refittable(reader: Call, before: int, after: int) -> bool:
    """Whether a kernel of ``reader`` can be found by equations where ``after`` channels become ``before``."""
    if not _READER.fullmatch(reader.kind) or getattr(reader.operation, "groups", 1) != 1:
        return False
    if getattr(reader.operation, "data_format", "channels_last") != "channels_last":
        return False
    columns = math.prod(reader.operation.kernel.shape[:-1]) * before // after
    return bool(columns <= MOST_COLUMNS)


def _residual(graph: Graph, chains: Chains, add: Call) -> Block | None:
    """What lies between a tensor and the addition of that tensor to what became of it, and the addition itself."""
    if len(add.inputs) != 2 or add.inputs[0].shape != add.inputs[1].shape:
        return None
    for shortcut, answer in (add.inputs, add.inputs[::-1]):
        branch = _branch(graph, shortcut, answer)
        inside = {id(call) for call in (*branch, add)}
        alone = all(
            chains.once(call)
            and not chains.answers(call.outputs[0])
            and all(id(reader) in inside for reader in chains.readers(call.outputs[0]))
            for call in branch
        )
        if branch and alone and any(_LAYER.fullmatch(call.kind) for call in branch):
            return Block(add.name, (*branch, add), None)
    return None


def _branch(graph: Graph, start: Tensor, end: Tensor) -> tuple[Call, ...]:
    """The calls that make ``end`` of ``start`` and of nothing else; none where it is made otherwise."""
    maker = {id(tensor): call for call in graph.calls for tensor in call.outputs}
    found: set[int] = set()
    open_ = [end]
    while open_:
        tensor = open_.pop()
        if tensor is start:
            continue
        call = maker.get(id(tensor))
        if call is None:
            return ()  # it comes from what the model is given
        if id(call) not in found:
            found.add(id(call))
            open_.extend(call.inputs)
    return tuple(call for call in graph.calls if id(call) in found)
