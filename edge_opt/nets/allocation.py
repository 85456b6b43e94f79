"""How wide each group of channels shall be: those leave first that are missed least for the time that they take.

In steps of as many channels as the target's kernels work in, each step the one that loses the least importance for the
nanoseconds that it saves, until what was asked for is reached.

Source: the greedy solution of a knapsack, by value for weight (Dantzig 1957, *Discrete-Variable Extremum Problems*);
measured time in place of operations as in Yang et al. (2018), *NetAdapt*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import InputError
from edge_opt.nets.clock import Clock, Floats, Work
from edge_opt.types import OperatorCosts

_CLOSE = 1e-9  # sums of floats that should be equal


class Group(Protocol):
    """Channels that leave together."""

    @property
    def name(self) -> str:
        """By which widths and importance are given."""

    @property
    def width(self) -> int:
        """How many channels it has."""

    @property
    def fixed(self) -> str:
        """Why it keeps them all; empty where it can be smaller."""


@dataclass(frozen=True)
class Share:
    """The share of all channels of groups that can shrink which shall leave, 0..1."""

    share: float


@dataclass(frozen=True)
class SpeedUp:
    """How many times faster the network shall be, by its costs."""

    factor: float


Goal = Share | SpeedUp


def allocate(
    groups: Sequence[Group],
    works: Sequence[Work],
    importance: Mapping[str, NDArray[Any]],
    costs: OperatorCosts | None,
    goal: Goal,
    multiple: int = 8,
) -> dict[str, int]:
    """The width of each group: ``multiple`` channels at least, or all where it has fewer, and a multiple where less.

    ``importance`` is what is lost with each channel, ``(width,)`` by group, on one scale for all groups. Raises
    InputError where no widths reach ``goal``, which says what they do reach.
    """
    free = [one for one in groups if not one.fixed and one.width > multiple]
    full = {one.name: one.width for one in groups}
    clock = Clock(works, costs, [one.name for one in free], full)
    lost = [np.concatenate([[0.0], np.cumsum(np.sort(np.asarray(importance[one.name], np.float64)))]) for one in free]
    start = np.array([one.width for one in free], np.float64)
    reached = _reached(goal, sum(one.width for one in groups if not one.fixed), start, clock)
    widths = start.copy()
    while not reached(widths):
        step = _cheapest(clock, lost, start, widths, multiple)
        if step is None:
            raise _out_of_reach(goal, start, widths, clock, groups)
        widths[step] = _below(widths[step], multiple)
    return {**full, **{one.name: int(width) for one, width in zip(free, widths, strict=True)}}


def _cheapest(clock: Clock, lost: Sequence[Floats], start: Floats, widths: Floats, multiple: int) -> int | None:
    """The group whose next step loses least for what it saves; None where all are as small as they can be."""
    able = [place for place, width in enumerate(widths) if width > multiple]
    if not able:
        return None
    after = np.repeat(widths[:, None], len(able), axis=1)
    for column, place in enumerate(able):
        after[place, column] = _below(widths[place], multiple)
    saved = clock.ns(widths)[0] - clock.ns(after)
    price = [
        float(lost[place][int(start[place] - after[place, column])] - lost[place][int(start[place] - widths[place])])
        for column, place in enumerate(able)
    ]
    # what saves nothing comes last, the least loss first; what costs nothing first, the most time first
    order = [
        (saving <= 0, loss / saving if saving > 0 else loss, -saving, place)
        for loss, saving, place in zip(price, saved, able, strict=True)
    ]
    return min(order)[-1]


def _below(width: float, multiple: int) -> float:
    return max(1.0, math.ceil(width / multiple) - 1) * multiple


def _reached(goal: Goal, channels: int, start: Floats, clock: Clock) -> Callable[[Floats], bool]:
    if isinstance(goal, Share):
        return lambda widths: float(np.sum(start - widths)) >= goal.share * channels - _CLOSE
    before = float(clock.ns(start)[0])
    return lambda widths: float(clock.ns(widths)[0]) * goal.factor <= before * (1 + _CLOSE)


def _out_of_reach(goal: Goal, start: Floats, widths: Floats, clock: Clock, groups: Sequence[Group]) -> InputError:
    if isinstance(goal, Share):
        most = float(np.sum(start - widths)) / max(1, sum(one.width for one in groups if not one.fixed))
        return InputError(
            f"'{goal.share:.0%}' of the channels cannot be removed: "
            f"with the fewest that each layer keeps, {most:.0%} are",
            "ask for less",
        )
    most = float(clock.ns(start)[0] / clock.ns(widths)[0]) if clock.ns(widths)[0] else 1.0
    return InputError(
        f"a speed-up of '{goal.factor:g}x' is out of reach by removing channels: "
        f"with the fewest that each layer keeps it is {_floored(most)}x",
        "ask for less, or combine it with fewer layers",
    )


def _floored(factor: float) -> str:
    """Rounded down, so that what is named can be asked for."""
    return f"{math.floor(factor * 100) / 100:g}"


def uniform(groups: Sequence[Group], share: float, multiple: int = 8) -> dict[str, int]:
    """The same share removed of all groups that can shrink, rounded to ``multiple``: what there is to beat."""

    def width(one: Group) -> int:
        if one.fixed or one.width <= multiple or not share:
            return one.width
        return min(one.width, max(multiple, math.floor(one.width * (1 - share) / multiple + 0.5) * multiple))

    return {one.name: width(one) for one in groups}


def uniform_for(
    groups: Sequence[Group],
    works: Sequence[Work],
    costs: OperatorCosts | None,
    factor: float,
    multiple: int = 8,
) -> dict[str, int]:
    """The uniform widths of the smallest share removed that are ``factor`` times as fast by their costs.

    Raises InputError where none are.
    """
    names, full = [one.name for one in groups], {one.name: one.width for one in groups}
    clock = Clock(works, costs, names, full)
    start, least = (
        np.array([*full.values()], np.float64),
        np.array([*uniform(groups, 1.0, multiple).values()], np.float64),
    )
    enough = _reached(SpeedUp(factor), 0, start, clock)
    if not enough(least):
        raise _out_of_reach(SpeedUp(factor), start, least, clock, groups)
    low, high = 0.0, 1.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        widths = uniform(groups, middle, multiple)
        low, high = (low, middle) if enough(np.array([widths[name] for name in names], np.float64)) else (middle, high)
    return uniform(groups, high, multiple)


def predicted_ns(works: Sequence[Work], costs: OperatorCosts | None, widths: Mapping[str, int]) -> float:
    """The time of a network whose groups are as wide as ``widths`` says, in nanoseconds.

    Without costs, its multiply-accumulates.
    """
    clock = Clock(works, costs, list(widths), widths)
    return float(clock.ns(np.array([*widths.values()], np.float64))[0])
