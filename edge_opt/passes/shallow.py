"""Whole layers leave, those that take most time for what they give: ``shallow1`` one, ``shallow2`` two, ….

A hidden Dense, a convolution that keeps the size, or all of a residual block but its shortcut can leave. Every one of
them is tried: the layer behind it gets the kernel with which it answers most like before, from what it reads now, and
what the network then answers is compared with the original. The one that saves most for what is lost goes.

Source: Chen & Zhao (2019), *Shallowing Deep Networks: Layer-wise Pruning Based on Feature Representations*.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import InputError
from edge_opt.nets import allocation, train
from edge_opt.nets.blocks import Block, blocks, without
from edge_opt.nets.graph import Graph, read, rebuilt
from edge_opt.nets.refit import refit
from edge_opt.store import read_json, write_whole
from edge_opt.types import Change, Context, OperatorCosts

_WORD = re.compile(r"shallow([1-9][0-9]?)")
_SCHEDULE = train.Schedule(epochs=10, rate=3e-3, soft=0.25)  # the start is near already; labels teach most
_TRIED = 12  # of what can leave, those that compute most
_UNSEEN = 0.01  # nats of cross-entropy: less is lost by chance


class Shallow:
    """The pass of the words ``shallow1``, ``shallow2``, …."""

    EXAMPLES = ("shallow1", "shallow2")
    WORDS = "shallow1 to shallow99"
    PRICED = True

    def accepts(self, word: str) -> bool:
        """Whether it is one of them, up to 99."""
        return _WORD.fullmatch(word) is not None

    def says(self, word: str) -> str:
        """How much leaves, and by which measure."""
        count = _count(word)
        what = (
            "a layer or block removed, the one that takes"
            if count == 1
            else f"{count} layers or blocks removed that take"
        )
        return f"{what} the most time for what {'it gives' if count == 1 else 'they give'}"

    def apply(self, word: str, net: Any, teacher: Any, context: Context) -> tuple[Any, Change]:
        """The network without as many layers, trained to answer as before.

        Raises InputError where fewer can leave, or none of those that can would make it faster.
        """
        inputs = np.load(context.lesson.inputs, mmap_mode="r")
        student = rebuilt(read(net), lambda call: None)  # models inside it opened, so that layers are found by name
        before = _ns(read(student), context.costs)
        loss = train.Likeness(teacher, context)
        known = _Known(context.checkpoints / f"{word}.json")
        removed: list[str] = []
        for place in range(_count(word)):
            graph = read(student)
            block = known.among(place, blocks(graph)) or _worst(word, place, graph, inputs, loss, context.costs)
            known.add(place, block)
            removed.extend(block.layers)
            student = _after(graph, block, inputs)
        schedule = replace(_SCHEDULE, seconds=context.seconds)
        student, how = train.recover(student, teacher, context, schedule, name=word, what=word)
        return student, Change(
            name=word,
            widths=(),
            removed=tuple(removed),
            trained=(how,),
            predicted_speed_up=before / _ns(read(student), context.costs) if context.costs else None,
        )


def _count(word: str) -> int:
    found = _WORD.fullmatch(word)
    assert found is not None, word
    return int(found[1])


class _Known:
    """Which blocks left, written down: what training goes on from after a kill must be the same network."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: list[str] = read_json(path) if path.exists() else []

    def among(self, place: int, found: Sequence[Block]) -> Block | None:
        """The one that left at ``place``, if that has been decided."""
        return next((one for one in found if [one.name] == self._names[place : place + 1]), None)

    def add(self, place: int, block: Block) -> None:
        """Write down that ``block`` left at ``place``."""
        self._names[place:] = [block.name, *self._names[place + 1 :]]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, json.dumps(self._names))


def _worst(
    word: str, place: int, graph: Graph, inputs: NDArray[Any], loss: Callable[[Any], float], costs: OperatorCosts | None
) -> Block:
    """The block that takes most for what it gives. Raises InputError where there is none that saves anything."""
    work = {one.layer: 0.0 for one in graph.works}
    for one in graph.works:
        work[one.layer] += one(graph.widths)
    tried = sorted(blocks(graph), key=lambda block: -sum(work.get(name, 0.0) for name in block.layers))[:_TRIED]
    before, lost = _ns(graph, costs), loss(graph.model)
    best: tuple[float, Block] | None = None
    for block in tried:
        after = _after(graph, block, inputs)
        saved = before - _ns(read(after), costs)
        gain = saved / max(_UNSEEN, loss(after) - lost)
        if saved > 0 and (best is None or gain > best[0]):
            best = gain, block
    if best is None:
        what = f"no more than {place} layers or blocks" if place else "no layer and no block"
        raise InputError(
            f"'{word}' finds {what} that can leave and would save time by it",
            "leave the pass out of the recipe" if not place else f"ask for 'shallow{place}'",
        )
    return best[1]


def _after(graph: Graph, block: Block, inputs: NDArray[Any]) -> Any:
    """The network without ``block``, the layer behind it fitted to what it reads now."""
    net = without(graph, block)
    if block.reader is not None:
        refit(graph.model, net, block.reader.name, inputs)
    return net


def _ns(graph: Graph, costs: OperatorCosts | None) -> float:
    return allocation.predicted_ns(graph.works, costs, graph.widths)


shallow = Shallow()
