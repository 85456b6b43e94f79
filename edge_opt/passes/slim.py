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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt import units
from edge_opt.errors import InputError
from edge_opt.nets import allocation, frameworks, train
from edge_opt.nets.graph import Graph, importance, read, sliced
from edge_opt.nets.train import answering
from edge_opt.types import Change, Context, OperatorCosts, Trained, Width

Mask = NDArray[np.bool_]

_SHARE, _FACTOR = re.compile(r"slim(\d{1,2})"), re.compile(r"slim@(\d+(?:\.\d+)?)x")
_STEP = 0.25  # of the channels or of the time, left at least by one step: a training does not make up for more
_ON_THE_WAY = 0.3  # of the whole training, after each step but the last
_LOOKED_AT, _BATCH = 1024, 64  # samples by which channels are judged


@dataclass(frozen=True)
class _Goal:
    """What is asked for: a share of the channels to remove, or a speed-up."""

    share: float = 0.0
    factor: float = 1.0

    def steps(self) -> Iterator[allocation.Goal]:
        """The same in steps that each go on from the one before."""
        left = 1 - self.share if self.share else 1 / self.factor
        count = max(1, math.ceil(round(math.log(left) / math.log(_STEP), 6)))
        each = left ** (1 / count)
        for _ in range(count):
            yield allocation.Share(1 - each) if self.share else allocation.SpeedUp(1 / each)


class Slim:
    """The pass of the words ``slim50`` and ``slim@2x``."""

    EXAMPLES = ("slim50", "slim@2x")
    PRICED = True

    def accepts(self, word: str) -> bool:
        """Whether it is one of them, with any share from 5 to 95 or any speed-up from 1.1 to 100."""
        share, factor = _SHARE.fullmatch(word), _FACTOR.fullmatch(word)
        return bool((share and 5 <= int(share[1]) <= 95) or (factor and 1.1 <= float(factor[1]) <= 100))

    def says(self, word: str) -> str:
        """What leaves, and by which measure."""
        goal = _goal(word)
        if goal.share:
            share = units.format_percent(goal.share, digits=0)
            return f"{share} of the channels removed, those that take the most time for what they give"
        return f"channels removed until the network should be {goal.factor:g} times as fast on the target"

    def apply(self, word: str, net: Any, teacher: Any, context: Context) -> tuple[Any, Change]:
        """The network with fewer channels, trained to answer as before.

        Raises InputError where no layer has channels that can leave, or the speed-up is out of reach.
        """
        goal, original = _goal(word), read(net)
        _require(original, word)
        trained: list[Trained] = []
        steps = list(goal.steps())
        for place, step in enumerate(steps):
            graph = read(net)
            net = sliced(graph, _kept(graph, step, teacher, context, f"{word}-{place}"))
            train.reestimate(net, np.load(context.lesson.inputs, mmap_mode="r")[:_LOOKED_AT])
            net, how = train.fit(
                net,
                teacher,
                context.lesson,
                _schedule(context, place, len(steps)),
                seed=context.seed,
                checkpoints=context.checkpoints / f"{word}-{place}",
                progress=context.progress,
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


def _goal(word: str) -> _Goal:
    if share := _SHARE.fullmatch(word):
        return _Goal(share=int(share[1]) / 100)
    factor = _FACTOR.fullmatch(word)
    assert factor is not None, word
    return _Goal(factor=float(factor[1]))


def _require(graph: Graph, word: str) -> None:
    if all(one.fixed for one in graph.groups):
        reasons = "; ".join(one.message for one in graph.findings()) or "it has only the layer that answers"
        raise InputError(
            f"'{word}' finds no channels that can be removed: {reasons}", "leave the pass out of the recipe"
        )


def _kept(graph: Graph, goal: allocation.Goal, teacher: Any, context: Context, name: str) -> dict[str, Mask]:
    """The channels that stay. Written down, as what training goes on from after a kill must be the same network."""
    path = context.checkpoints / f"{name}.npz"
    if path.exists():
        with np.load(path) as written:
            return {one.name: written[str(place)] for place, one in enumerate(graph.groups)}
    lost = importance.taylor(graph, *_question(teacher, context))
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


def _question(teacher: Any, context: Context) -> tuple[list[tuple[Any, Any]], Callable[[Any, Any], Any]]:
    """Samples in batches with the class of each, and the loss of answering another.

    Without labels, the classes are drawn by the probabilities that the original gives them, as for Fisher's
    information: measured against the probabilities themselves, the original has no fault, and all gradients are zero.
    """
    inputs = np.load(context.lesson.inputs, mmap_mode="r")
    rng = np.random.default_rng(context.seed)
    places = np.sort(rng.permutation(len(inputs))[:_LOOKED_AT])
    looked = np.asarray(inputs[places])
    answers = train.answers(teacher, looked)
    kind = answering.scale(teacher, answers)
    tf = frameworks.tensorflow()
    if context.lesson.labels is not None:
        classes = np.load(context.lesson.labels)[places]
    else:
        shares = np.asarray(tf.nn.softmax(answering.logits(answers, kind)), np.float64).cumsum(axis=1)
        drawn = rng.random((len(shares), 1)) * shares[:, -1:]
        classes = (shares < drawn).sum(axis=1)

    def loss(targets: Any, found: Any) -> Any:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, answering.logits(found, kind))

    starts = range(0, len(places), _BATCH)
    return [(looked[at : at + _BATCH], classes[at : at + _BATCH]) for at in starts], loss


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
    times = [allocation.predicted_ns(one.works, costs, one.widths) for one in (before, after)]
    return times[0] / times[1]


slim = Slim()
