"""How long and how hard a network is trained: the wish, and the way along the cosine that fits into the time."""

from __future__ import annotations

import math
from dataclasses import dataclass

_WARMING = 20  # one of that many steps, at most _LONGEST: Adam has to see a few gradients first
_LONGEST = 100


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What a training is asked for: at most ``epochs``, the rate rising shortly and falling to 0 along a cosine.

    ``soft`` is the share of the teacher's answers in the loss, and the labels have the rest, which is all of it where
    the teacher is wrong; without labels it counts as 1, and 0 is plain fine-tuning. ``temperature`` softens those
    answers and the student's alike. ``patience`` counts epochs without a better accuracy, of 300 steps together at
    least. ``seconds``, where given, shortens the training so that it fits.
    """

    epochs: int = 30
    batch: int = 64
    rate: float = 6e-3
    temperature: float = 3.0
    soft: float = 0.25
    patience: int = 12
    seconds: float | None = None


@dataclass(kw_only=True)
class Way:
    """Where a training is: ``done`` steps taken, ``left`` to take, and the share of the cosine that lies behind.

    The cosine needs its end, so fewer steps left make it fall faster from where it is.
    """

    left: int
    done: int = 0
    share: float = 0.0
    warming: int = 1

    @classmethod
    def of(cls, steps: int) -> Way:
        """The way of that many steps."""
        return cls(left=steps, warming=max(1, min(_LONGEST, steps // _WARMING)))

    def rate(self) -> float:
        """The rate of the next step, as a share of the highest."""
        return min(1.0, (self.done + 1) / self.warming) * 0.5 * (1 + math.cos(math.pi * self.share))

    def advance(self) -> None:
        """One step further."""
        self.share += (1 - self.share) / self.left
        self.done += 1
        self.left -= 1

    def shorten(self, left: int) -> None:
        """No more than ``left`` steps from here."""
        self.left = max(0, min(self.left, left))


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What training costs, in seconds: a step, the teacher's answers to a batch, a look at the selection split."""

    step: float
    teaching: float
    looking: float

    def cost(self, done: int, left: int, per_epoch: int) -> float:
        """Of ``left`` steps after ``done``, ``per_epoch`` of them an epoch; in the first the teacher answers."""
        looks = math.ceil((done + left) / per_epoch) - done // per_epoch
        taught = max(0, min(per_epoch - done, left))
        return left * self.step + taught * self.teaching + looks * self.looking

    def fitting(self, seconds: float, done: int, most: int, per_epoch: int) -> int:
        """How many steps after ``done`` fit into ``seconds``, at most ``most``.

        They end with an epoch, but where the one that is begun does not fit they end inside of it.
        """
        rest = per_epoch - done % per_epoch
        ends = range(rest, most + 1, per_epoch)
        found = max((end for end in ends if self.cost(done, end, per_epoch) <= seconds), default=None)
        if found is not None:
            return found
        each = self.step + (self.teaching if done < per_epoch else 0.0)
        return max(0, min(rest, most, math.floor((seconds - self.looking) / each)))
