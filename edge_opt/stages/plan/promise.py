"""What is taken where time is short: the candidates with the most hope for a second, as far as they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_opt import units
from edge_opt.stages.plan.efforts import promise
from edge_opt.types import Candidate, Skipped


@dataclass(frozen=True, kw_only=True)
class Time:
    """The seconds there are: ``left`` for trying, of which a wave takes no more than ``share``."""

    left: float
    again: float  # for timing the baseline once more with the wave
    share: float = 1.0


def in_time(
    candidates: Sequence[Candidate], prices: Mapping[str, float], time: Time, always: str
) -> tuple[tuple[Candidate, ...], tuple[Skipped, ...]]:
    """Those that this wave takes, in the order given, and those for which no time is left at all.

    What fits in the time but not in the share of this wave is in neither: its turn may come. ``always`` is the id of
    the baseline, which is taken whatever it costs.
    """
    ranked = sorted(candidates, key=lambda one: (one.id != always, -promise(one) / max(prices[one.id], 1e-9)))
    taken: set[str] = set()
    spent = time.again
    for one in ranked:
        fits = spent + prices[one.id] <= time.left * time.share
        alone = not taken and spent + prices[one.id] <= time.left
        if fits or alone or one.id == always:
            taken.add(one.id)
            spent += prices[one.id]
    late = [one for one in candidates if one.id not in taken and time.again + prices[one.id] > time.left]
    return (
        tuple(one for one in candidates if one.id in taken),
        tuple(Skipped(id=one.id, reason=_late(prices[one.id] + time.again, time.left)) for one in late),
    )


def _late(needed_s: float, left_s: float) -> str:
    needed, left = units.format_seconds(needed_s), units.format_seconds(max(left_s, 0.0))
    return f"no time left: about {needed} are needed for it, and {left} are left before choosing and certifying"
