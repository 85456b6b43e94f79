"""Channels that matter least leave: chosen by what they cost on the target, really removed, and made up for.

``slim50`` removes half of all channels that can leave, ``slim@2x`` as many as it takes to be twice as fast on the
target. How much each layer gives is decided by the time that its channels cost there against what is lost with them.
More than a step can bear is removed in several, with a training after each of them.

Source: Molchanov et al. (2019), *Importance Estimation for Neural Network Pruning*, for what is lost with a channel;
Hinton et al. (2015), *Distilling the Knowledge in a Neural Network*, for the training.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt import units
from edge_opt.errors import InputError
from edge_opt.nets import allocation, train
from edge_opt.nets.graph import Graph, importance, read, rebuilt, sliced
from edge_opt.nets.train import answering
from edge_opt.types import Change, Context, OperatorCosts, Trained, Width

Mask = NDArray[np.bool_]

_SHARE, _FACTOR = re.compile(r"slim([1-9][0-9]?)"), re.compile(r"slim@([1-9][0-9]*(?:\.[0-9]*[1-9])?)x")
_STEP = 0.25  # of the channels or of the time, left at least by one step: a training does not make up for more
_CLOSE = 1e-9  # floats that should be equal
_ON_THE_WAY = 0.3  # of the whole training, after each step but the last


@dataclass(frozen=True)
class _Wish:
    """What is asked for: a share of the channels to remove, or a speed-up."""

    share: float = 0.0
    factor: float = 1.0

    @property
    def left(self) -> float:
        """Of the channels, or of the time, the share that is left at the end."""
        return 1 - self.share if self.share else 1 / self.factor

    def steps(self) -> Iterator[float]:
        """What is left after each step, as a share of what there was before the first."""
        count = max(1, math.ceil(round(math.log(self.left) / math.log(_STEP), 6)))
        for place in range(count):
            yield self.left ** ((place + 1) / count)

    def goal(self, original: Graph, graph: Graph, left: float, costs: OperatorCosts | None) -> allocation.Goal:
        """What takes ``graph`` to where ``left`` of ``original`` is left: a step that went far spares the next."""
        if self.share:
            free = [one for one in original.groups if not one.fixed]
            spare = sum(graph.widths[one.name] for one in free) - left * sum(one.width for one in free)
            return allocation.Share(spare / max(1, sum(one.width for one in graph.groups if not one.fixed)))
        return allocation.SpeedUp(_ns(graph, costs) / _ns(original, costs) / left)


class Slim:
    """The pass of the words ``slim50`` and ``slim@2x``."""

    EXAMPLES = ("slim50", "slim@2x")
    WORDS = "slim5 to slim95, slim@1.1x to slim@100x"
    PRICED = True

    def accepts(self, word: str) -> bool:
        """Whether it is one of them, with any share from 5 to 95 or any speed-up from 1.1 to 100.

        A number is written in one way only, as words name networks: ``slim5`` and no ``slim05``, ``slim@2x`` and no
        ``slim@2.0x``.
        """
        share, factor = _SHARE.fullmatch(word), _FACTOR.fullmatch(word)
        return bool((share and 5 <= int(share[1]) <= 95) or (factor and 1.1 <= float(factor[1]) <= 100))

    def says(self, word: str) -> str:
        """What leaves, and by which measure."""
        wish = _wish(word)
        if wish.share:
            share = units.format_percent(wish.share, digits=0)
            return f"{share} of the channels removed, those that take the most time for what they give"
        return f"channels removed until the network should be {wish.factor:g} times as fast on the target"

    def apply(self, word: str, net: Any, teacher: Any, context: Context) -> tuple[Any, Change]:
        """The network with fewer channels, trained to answer as before.

        Raises InputError where no layer has channels that can leave, or the speed-up is out of reach.
        """
        wish, original = _wish(word), read(net)
        _require(original, word)
        _require_in_reach(original, wish, word, context)
        if answering.fixed_batch(net):  # channels are judged by many samples at once
            net = rebuilt(original, lambda call: None)
        trained: list[Trained] = []
        steps = list(wish.steps())
        for place, left in enumerate(steps):
            graph, name = read(net), f"{word}-{place}"
            goal = wish.goal(original, graph, left, context.costs)
            net, how = train.recover(
                sliced(graph, _kept(graph, goal, teacher, context, name)),
                teacher,
                context,
                _schedule(context, place, len(steps)),
                name=name,
                what=word if len(steps) == 1 else f"{word}, step {place + 1} of {len(steps)}",
            )
            trained.append(how)
        smaller = read(net)
        return net, Change(
            name=word,
            widths=_widths(original, smaller),
            trained=tuple(trained),
            findings=original.findings(),
            predicted_speed_up=_predicted(original, smaller, context.costs),
        )


def _wish(word: str) -> _Wish:
    if share := _SHARE.fullmatch(word):
        return _Wish(share=int(share[1]) / 100)
    factor = _FACTOR.fullmatch(word)
    assert factor is not None, word
    return _Wish(factor=float(factor[1]))


def _require(graph: Graph, word: str) -> None:
    if all(one.fixed for one in graph.groups):
        reasons = "; ".join(one.message for one in graph.findings()) or "it has only the layer that answers"
        raise InputError(
            f"'{word}' finds no channels that can be removed: {reasons}", "leave the pass out of the recipe"
        )


def _require_in_reach(graph: Graph, wish: _Wish, word: str, context: Context) -> None:
    """Ask before any training for all that the steps shall reach together; which channels those are does not matter."""
    alike = {one.name: np.ones(one.width) for one in graph.groups}
    goal = wish.goal(graph, graph, wish.left, context.costs)
    try:
        allocation.allocate(graph.groups, graph.works, alike, context.costs, goal, context.multiple)
    except allocation.OutOfReach as error:
        hundredths = math.floor(100 * error.most + _CLOSE)  # what is named can be asked for
        most = f"{hundredths} %" if wish.share else f"{hundredths / 100:g}x"
        raise InputError(
            f"'{word}' is out of reach: by removing channels, at most {most}",
            "ask for less, or combine it with a pass that removes layers",
        ) from error


def _kept(graph: Graph, goal: allocation.Goal, teacher: Any, context: Context, name: str) -> dict[str, Mask]:
    """The channels that stay. Written down, as what training goes on from after a kill must be the same network."""
    path = context.checkpoints / f"{name}.npz"
    if path.exists():
        with np.load(path) as written:
            return {one.name: written[str(place)] for place, one in enumerate(graph.groups)}
    lost = importance.taylor(graph, *train.question(teacher, context))
    widths = allocation.allocate(graph.groups, graph.works, lost, context.costs, goal, context.multiple)
    keep = {one.name: _most(lost[one.name], widths[one.name]) for one in graph.groups}
    partial = path.with_suffix(".partial.npz")
    masks: dict[str, Any] = {str(place): keep[one.name] for place, one in enumerate(graph.groups)}
    np.savez(partial, **masks)
    os.replace(partial, path)
    return keep


def _most(values: NDArray[np.float64], count: int) -> Mask:
    """The ``count`` largest of ``values``; of equal ones, the first."""
    mask = np.zeros(len(values), bool)
    mask[np.argsort(-values, kind="stable")[:count]] = True
    return mask


def _schedule(context: Context, place: int, count: int) -> train.Schedule:
    """The whole training for the last step, and a part of it for those before, which only have to lead there."""
    parts = [_ON_THE_WAY] * (count - 1) + [1.0]
    share = parts[place] / sum(parts)
    whole = train.Schedule(seconds=None if context.seconds is None else context.seconds * share)
    return whole if place == count - 1 else replace(whole, epochs=max(1, round(whole.epochs * _ON_THE_WAY)))


def _widths(before: Graph, after: Graph) -> tuple[Width, ...]:
    """The channels of every layer that had some to lose."""
    free = {layer for one in before.groups if not one.fixed for layer in one.layers}
    return tuple(
        Width(layer=layer, before=channels(before.widths), after=after.layers[layer](after.widths))
        for layer, channels in before.layers.items()
        if layer in free
    )


def _predicted(before: Graph, after: Graph, costs: OperatorCosts | None) -> float | None:
    if costs is None:
        return None
    return _ns(before, costs) / _ns(after, costs)


def _ns(graph: Graph, costs: OperatorCosts | None) -> float:
    return allocation.predicted_ns(graph.works, costs, graph.widths)


slim = Slim()
