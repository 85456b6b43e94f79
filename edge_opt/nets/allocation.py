"""How wide each group of channels shall be: those leave first that are missed least for the time that they take.

In steps of as many channels as the target's kernels work in, or several times that, each step the one that loses the
least for the nanoseconds that it saves, until what was asked for is reached; then by exchanges between groups. All
count alike, and one loses the more, the smaller the share of its importance that it keeps.

Source: the greedy solution of a knapsack, by value for weight (Dantzig 1957, *Discrete-Variable Extremum Problems*);
measured time in place of operations as in Yang et al. (2018), *NetAdapt*.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import InputError
from edge_opt.nets.clock import Clock, Floats
from edge_opt.nets.graph import Group, Work
from edge_opt.types import OperatorCosts

_CLOSE = 1e-9  # sums of floats that should be equal
_NOTHING = 1e-6  # as a share
_POWER = 2  # of a share that is kept: half of it costs three times as much as the first fifth, and a quarter fifteen
_EXCHANGES, _TRIED = 20, 640  # rounds, and of each one the steps that are tried, for all groups together
_FARTHEST = 64  # channels in one step: beyond, the steps of kernels have long repeated
_AT_ONCE = 20  # groups of which one takes a step at a time
_SHARES = 1001  # uniform shares that are tried


@dataclass(frozen=True)
class Share:
    """The share of all channels of groups that can shrink which shall leave, 0..1."""

    share: float


@dataclass(frozen=True)
class SpeedUp:
    """How many times faster the network shall be, by its costs."""

    factor: float


Goal = Share | SpeedUp
Reached = Callable[[Floats], NDArray[np.bool_]]  # of some widths (groups, n), which reach the goal


class OutOfReach(InputError):
    """No widths reach a goal; ``most`` is the share, or the speed-up, that some do."""

    def __init__(self, message: str, hint: str = "", most: float = 0.0) -> None:
        super().__init__(message, hint)
        self.most = most


def allocate(
    groups: Sequence[Group],
    works: Sequence[Work],
    importance: Mapping[str, NDArray[Any]],
    costs: OperatorCosts | None,
    goal: Goal,
    multiple: int = 8,
) -> dict[str, int]:
    """The width of each group: ``multiple`` channels at least, or all where it has fewer, and a multiple where less.

    ``importance`` is what is lost with each channel, ``(width,)`` by group, of any scale; where one is not finite, its
    group keeps all. Raises InputError where no widths reach ``goal``, and says what they do reach.
    """
    free = [one for one in groups if not one.fixed and one.width > multiple and np.isfinite(importance[one.name]).all()]
    full = {one.name: one.width for one in groups}
    clock = Clock(works, costs, [one.name for one in free], full)
    lost = [_lost(np.asarray(importance[one.name], np.float64)) for one in free]
    start = np.array([one.width for one in free], np.float64)
    reached = _reached(goal, sum(one.width for one in groups if not one.fixed), clock, start)
    widths, best = start.copy(), start
    while not reached(widths[:, None])[0]:
        steps = _cheapest(clock, lost, start, widths, multiple)
        if not steps:
            raise _out_of_reach(goal, start, best, clock, groups)
        for place, width in steps.items():
            if not reached(widths[:, None])[0]:
                widths[place] = width
                best = min(best, widths.copy(), key=lambda one: float(clock.ns(one)[0]))
    widths = _given_back(reached, lost, start, widths, multiple)
    if isinstance(goal, SpeedUp):  # of a share nothing says how long it may take, which exchanges would undo
        widths = _exchanged(reached, lost, start, widths, multiple)
    return {**full, **{one.name: int(width) for one, width in zip(free, widths, strict=True)}}


def _lost(importance: Floats) -> Floats:
    """What is lost with the least important 0, 1, … channels of a group: the more, the less of its importance is left.

    Sums of importance would let one layer shrink to almost nothing, as they are of the first order; but all that a
    network knows has to pass through each of its layers.
    """
    kept = np.cumsum(np.sort(importance)[::-1])[::-1]
    if not kept[0] > 0:
        return np.zeros(len(kept) + 1)
    shares = np.maximum(np.concatenate([kept / kept[0], [0.0]]), _NOTHING)
    return np.asarray(shares**-_POWER - 1)


def _cheapest(clock: Clock, lost: Sequence[Floats], start: Floats, widths: Floats, multiple: int) -> dict[int, float]:
    """The groups, and their next widths, that lose least for what they save; none where all are as narrow as can be.

    A step may be of several multiples: where kernels take 32 channels at once, 8 fewer save nothing or cost more. Of
    networks of many groups it is several groups, since no step of one changes much for the others.
    """
    steps = _narrowing(widths, multiple)
    if not steps:
        return {}
    saved = clock.ns(widths)[0] - clock.ns(_each(widths, steps))

    def price(step: tuple[int, float], saving: float) -> tuple[bool, float, float]:
        place, lower = step
        loss = float(lost[place][int(start[place] - lower)] - lost[place][int(start[place] - widths[place])])
        # what saves nothing comes last, the least loss first; of what costs nothing, what saves most comes first
        return saving <= 0, loss / saving if saving > 0 else loss, -saving

    order = sorted(zip(steps, saved, strict=True), key=lambda one: price(one[0], float(one[1])))
    found: dict[int, float] = {}
    for (place, lower), _ in order:
        if len(found) == max(1, len(widths) // _AT_ONCE):
            break
        found.setdefault(place, lower)
    return found


def _given_back(reached: Reached, lost: Sequence[Floats], start: Floats, widths: Floats, multiple: int) -> Floats:
    """The widths with as much as the goal allows put back, the most important first: the last step went too far."""
    while True:
        steps = [
            (place, wider)
            for place, width in enumerate(widths)
            for wider in (start[place], *_lower(float(start[place]), multiple))
            if width < wider <= width + _FARTHEST
        ]
        allowed = reached(_each(widths, steps)) if steps else np.zeros(0, bool)
        gains = {
            (place, wider): float(
                lost[place][int(start[place] - widths[place])] - lost[place][int(start[place] - wider)]
            )
            for (place, wider), able in zip(steps, allowed, strict=True)
            if able
        }
        if not gains:
            return widths
        place, wider = max(gains, key=lambda step: gains[step])
        widths = widths.copy()
        widths[place] = wider


def _exchanged(reached: Reached, lost: Sequence[Floats], start: Floats, widths: Floats, multiple: int) -> Floats:
    """The widths after as many exchanges as help: one group gives more, and others get what that allows.

    Steps taken one by one end where each is cheap; 32 fewer in one place may be better than 32 fewer in four.
    """

    def total(some: Floats) -> float:
        return sum(float(of[int(whole - width)]) for of, whole, width in zip(lost, start, some, strict=True))

    for _ in range(_EXCHANGES):
        steps = _narrowing(widths, multiple)
        tried = [_each(widths, [step])[:, 0] for step in steps]
        tried = sorted(tried, key=total)[: max(1, _TRIED // max(1, len(widths)))]
        best = min((_given_back(reached, lost, start, one, multiple) for one in tried), key=total, default=widths)
        if total(best) >= total(widths) - _CLOSE:
            break
        widths = best
    return widths


def _narrowing(widths: Floats, multiple: int) -> list[tuple[int, float]]:
    """Every step of a group to a narrower width that is not too far."""
    return [
        (place, lower)
        for place, width in enumerate(widths)
        for lower in _lower(float(width), multiple)
        if lower >= width - _FARTHEST
    ]


def _each(widths: Floats, steps: Sequence[tuple[int, float]]) -> Floats:
    """The widths after each of ``steps`` alone, ``(groups, steps)``."""
    after = np.repeat(widths[:, None], len(steps), axis=1)
    for column, (place, width) in enumerate(steps):
        after[place, column] = width
    return after


def _lower(width: float, multiple: int) -> list[float]:
    """Every multiple below ``width``."""
    return [float(one) for one in range(multiple, math.ceil(width), multiple)]


def _reached(goal: Goal, channels: int, clock: Clock, start: Floats) -> Reached:
    """Which of some widths ``(groups, n)`` reach the goal."""
    if isinstance(goal, Share):
        return lambda widths: np.sum(start[:, None] - widths, axis=0) >= goal.share * channels - _CLOSE
    before = float(clock.ns(start)[0])
    return lambda widths: clock.ns(widths) * goal.factor <= before * (1 + _CLOSE)


def _out_of_reach(goal: Goal, start: Floats, widths: Floats, clock: Clock, groups: Sequence[Group]) -> OutOfReach:
    if isinstance(goal, Share):
        most = float(np.sum(start - widths)) / max(1, sum(one.width for one in groups if not one.fixed))
        return OutOfReach(
            f"'{goal.share:.0%}' of the channels cannot be removed: "
            f"with the fewest that each layer keeps, {most:.0%} are",
            "ask for less",
            most,
        )
    most = float(clock.ns(start)[0] / clock.ns(widths)[0]) if clock.ns(widths)[0] else 1.0
    return OutOfReach(
        f"a speed-up of '{goal.factor:g}x' is out of reach by removing channels: "
        f"with the fewest that each layer keeps it is {_floored(most)}x",
        "ask for less, or combine it with fewer layers",
        most,
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
    every = [uniform(groups, float(share), multiple) for share in np.linspace(0, 1, _SHARES)]
    widths = np.array([[one[name] for name in names] for one in every], np.float64).T
    enough = _reached(SpeedUp(factor), 0, clock, widths[:, 0])(widths)
    if not enough.any():
        fastest = widths[:, int(clock.ns(widths).argmin())]
        raise _out_of_reach(SpeedUp(factor), widths[:, 0], fastest, clock, groups)
    return every[int(enough.argmax())]


def predicted_ns(works: Sequence[Work], costs: OperatorCosts | None, widths: Mapping[str, int]) -> float:
    """The time of a network whose groups are as wide as ``widths`` says, in nanoseconds.

    Without costs, its multiply-accumulates.
    """
    clock = Clock(works, costs, list(widths), widths)
    return float(clock.ns(np.array([*widths.values()], np.float64))[0])
