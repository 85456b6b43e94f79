"""Channels that matter least leave: chosen by what they cost on the target, really removed, and made up for.

``slim50`` removes half of all channels that can leave, ``slim@2x`` as many as it takes to be twice as fast on the
target. How much each layer gives is decided by the time that its channels cost there against what is lost with them.
More than a step can bear is removed in several, with a training after each of them.

Source: Molchanov et al. (2019), *Importance Estimation for Neural Network Pruning*, for what is lost with a channel;
Hinton et al. (2015), *Distilling the Knowledge in a Neural Network*, for the training.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt import units
from edge_opt.errors import InputError
from edge_opt.nets import allocation, train
from edge_opt.nets.graph import Graph, importance, read, sliced
from edge_opt.store import write_whole
from edge_opt.types import Change, Context, Trained, Width

_SHARE, _FACTOR = re.compile(r"slim(\d{1,2})"), re.compile(r"slim@(\d+(?:\.\d+)?)x")
_STEP = 0.5  # of the channels that are left, or of the time: more at once is more than a training makes up for
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
            return f"{units.format_percent(goal.share, digits=0)} of the channels removed, those that cost most for what they give"
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
            last = place == len(steps) - 1
            graph = read(net)
            net = sliced(graph, _kept(graph, step, teacher, context, f"{word}-{place}"))
            train.reestimate(net, np.load(context.lesson.inputs, mmap_mode="r")[:_LOOKED_AT])
            net, how = train.fit(
                net,
                teacher,
                context.lesson,
                _schedule(context, last, len(steps)),
                seed=context.seed,
                checkpoints=context.checkpoints / f"{word}-{place}",
                progress=context.progress,
                what=word if len(steps) == 1 else f"{word}, step {place + 1} of {len(steps)}",
            )
            trained.append(how)
        change = Change(
            name=word,
            widths=_widths(original, read(net)),
            trained=tuple(trained),
            findings=original.findings(),
            predicted_speed_up=_predicted(original, read(net), context),
        )
        return net, change


def _goal(word: str) -> _Goal:
    if share := _SHARE.fullmatch(word):
        return _Goal(share=int(share[1]) / 100)
    factor = _FACTOR.fullmatch(word)
    assert factor is not None, word
    return _Goal(factor=float(factor[1]))


slim = Slim()
