"""The ratios of candidate and baseline, process by process → whether the change is within its limit, once it is clear.

Each process gives the logarithm of one ratio, so that processes are what is repeated: a process keeps the speed that it
happened to get from its memory layout. The boundary is that of :mod:`edge_opt.sequential`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_opt import sequential
from edge_opt.types import Interval, Outcome

LOOKS = (4, 6, 8, 12, 16, 20, 24)  # after how many processes the evidence is looked at
MOST = LOOKS[-1]


@dataclass(frozen=True, kw_only=True)
class Look:
    """What ``processes`` processes say of one measure: ``change`` is candidate over baseline less one."""

    outcome: Outcome
    change: Interval
    processes: int


def until_clear(
    draw: Callable[[int], Mapping[str, float]],
    limits: Mapping[str, float],
    *,
    budget_s: float,
    tell: Callable[[int], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, tuple[float, ...]]:
    """The logarithms of the ratios of each measure in ``limits``, until every one is clear, for :func:`judge`.

    ``draw(index)`` runs process ``index`` and gives the logarithm of every measure's ratio. It ends after ``budget_s``
    too, but not before the first look; then what is not clear is judged by what is there. ``tell`` hears how many are
    done before each one.
    """
    end = clock() + budget_s
    taken: dict[str, list[float]] = {measure: [] for measure in limits}
    open_ = set(limits)
    for index in range(MOST):
        if not open_ or (index >= LOOKS[0] and clock() > end):
            break
        tell(index)
        ratios = draw(index)
        for measure in open_:
            taken[measure].append(ratios[measure])
        if index + 1 in LOOKS:
            open_ = {one for one in open_ if judge(taken[one], limits[one]).outcome == "unclear"}
    return {measure: tuple(logs) for measure, logs in taken.items()}


def next_look(done: int) -> int:
    """After how many processes the evidence is looked at next, when so many are done."""
    return next((look for look in LOOKS if look > done), MOST)


def fitting(process_s: float, budget_s: float) -> int:
    """How many processes :func:`until_clear` draws at most, where each takes ``process_s``."""
    return next((count for count in range(LOOKS[0], MOST) if count * process_s > budget_s), MOST)


def judge(logs: Sequence[float], limit: float) -> Look:
    """What a sequence that :func:`until_clear` ended says, by the interval at its last look.

    Raises ValueError for fewer than two processes.
    """
    looks = _looks(len(logs))
    critical = sequential.boundary([look / MOST for look in looks])[-1]
    found = sequential.repeated_interval(logs[: looks[-1]], critical)
    # an exponent beyond any real ratio would be an overflow, and the interval is as good as endless
    low, high = (math.expm1(max(-20.0, min(20.0, one))) for one in (found.low, found.high))
    change = Interval(low=low, estimate=math.expm1(found.estimate), high=high, confidence=found.confidence)
    return Look(outcome=outcome(change, limit), change=change, processes=looks[-1])


def outcome(change: Interval, limit: float) -> Outcome:
    """*regressed* where the whole of ``change`` is beyond ``limit``, *improved* where it is so on the better side."""
    if change.low > limit:
        return "regressed"
    if change.high > limit:
        return "unclear"
    return "improved" if change.high < 1 / (1 + limit) - 1 else "ok"


def replayed(logs: NDArray[np.float64], limit: float) -> NDArray[np.str_]:
    """The outcome of each row of ``logs`` ``(n, most)``, had the looks come as the rows go on, the last at their end.

    So :func:`judge` says of what :func:`until_clear` takes, where ``most`` processes fit into its budget.
    """
    found = np.full(len(logs), "unclear", dtype="<U9")
    looks = _looks(logs.shape[1])
    critical = sequential.boundary([look / MOST for look in looks])
    upper, lower = math.log1p(limit), -math.log1p(limit)
    for look, bound in zip(looks, critical, strict=True):
        seen = logs[:, :look]
        mean = seen.mean(axis=1)
        t = sequential.student_quantile(sequential.tail(bound), look - 1)
        half = t * seen.std(axis=1, ddof=1) / math.sqrt(look)
        open_ = found == "unclear"
        found[open_ & (mean - half > upper)] = "regressed"
        found[open_ & (mean + half <= upper)] = "ok"
        found[open_ & (mean + half < lower)] = "improved"
    return found


def _looks(processes: int) -> tuple[int, ...]:
    """After how many processes it is looked at where there are so many at most: the last look is at the end."""
    return (*(look for look in LOOKS if look < processes), min(processes, MOST))
