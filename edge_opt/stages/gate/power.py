"""What a runner saw of equals → how often the gate would err there, and the smallest slow-down that it would see.

Decisions are replayed on sequences drawn from the processes that ran, with a slow-down added to every one of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_opt import stats
from edge_opt.stages.gate.sequence import MOST, judge, replayed
from edge_opt.types import Interval

LIMITS = (0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.10, 0.15, 0.20, 0.30, 0.50)
# a limit can be kept where equals are told apart from a slow-down nearly always
MOST_UNCLEAR, MOST_FALSE = 0.05, 0.01
_REPLAYS = 4000
_LARGEST = 1.0  # a slow-down to twice the time, beyond which nobody asks

_Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a runner can see; each slow-down is a share, None where even twice the time would not be seen."""

    false_alarms: int
    unclear: int
    rate: Interval
    keeps: float | None
    detects_80: float | None
    detects_95: float | None


def sight(
    identical: Sequence[Sequence[float]],
    rebuilt: Sequence[Sequence[float]],
    limit: float,
    seed: int = 0,
    most: int = MOST,
) -> Sight:
    """What the runs of equals say: each is the logarithms of one decision's ratios, as they were measured.

    ``most`` processes fit into the budget of a decision. That equals differ, in either direction, is a false alarm.
    Raises ValueError where there are no runs.
    """
    runs = [*identical, *rebuilt]
    outcomes = [judge(one, limit).outcome for one in runs]
    alarms = sum(one in ("regressed", "improved") for one in outcomes)
    drawn = draws(identical, rebuilt, seed, most)
    return Sight(
        false_alarms=alarms,
        unclear=sum(one == "unclear" for one in outcomes),
        rate=stats.wilson_interval(alarms, len(runs)),
        keeps=next((one for one in LIMITS if _kept(drawn, one)), None),
        detects_80=detected(drawn, limit, 0.80),
        detects_95=detected(drawn, limit, 0.95),
    )


def draws(
    identical: Sequence[Sequence[float]], rebuilt: Sequence[Sequence[float]], seed: int, most: int = MOST
) -> _Floats:
    """Sequences of ``most`` processes, ``(n, most)``, half of them from each kind, drawn from all of that kind.

    Which of two identical files is called the candidate is chance, so their ratios count in both directions.
    """
    rng = np.random.default_rng(seed)
    same = np.concatenate([np.asarray(one, np.float64) for one in identical]) if identical else np.zeros(0)
    other = np.concatenate([np.asarray(one, np.float64) for one in rebuilt]) if rebuilt else np.zeros(0)
    pools = [pool for pool in (np.concatenate([same, -same]), other) if pool.size]
    if not pools:
        raise ValueError("nothing can be said of a runner that ran nothing")
    return np.concatenate([rng.choice(pool, size=(_REPLAYS // len(pools), most)) for pool in pools])


def shares(drawn: _Floats, limit: float, slow_down: float = 0.0) -> dict[str, float]:
    """The share of each outcome, had the candidate been slower by ``slow_down``."""
    outcomes = replayed(drawn + math.log1p(slow_down), limit)
    return {one: float((outcomes == one).mean()) for one in ("ok", "improved", "regressed", "unclear")}


def detected(drawn: _Floats, limit: float, power: float) -> float | None:
    """The smallest slow-down that is called a regression with ``power``, to a tenth of a percent."""
    if shares(drawn, limit, _LARGEST)["regressed"] < power:
        return None
    low, high = limit, _LARGEST
    while high - low > 0.0005:
        middle = (low + high) / 2
        low, high = (low, middle) if shares(drawn, limit, middle)["regressed"] >= power else (middle, high)
    return math.ceil(high * 1000 - 1e-9) / 1000


def _kept(drawn: _Floats, limit: float) -> bool:
    found = shares(drawn, limit)
    return found["unclear"] <= MOST_UNCLEAR and found["regressed"] + found["improved"] <= MOST_FALSE
