"""The records of a history → the levels that a measure has kept, one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_opt import stats
from edge_opt.errors import MissingPackage
from edge_opt.types import Record

_SHORTEST = 3  # records that make a level
_FINEST = 1e-3  # steps of the size of so much noise are nothing that a gate is for, however quiet the history


@dataclass(frozen=True, kw_only=True)
class Level:
    """Records in a row that do not differ by more than they do anyway: ``records[start:end]``."""

    start: int
    end: int
    mean: float  # of the logarithms
    spread: float  # their standard deviation

    @property
    def count(self) -> int:
        """How many records it has."""
        return self.end - self.start


def levels(records: Sequence[Record], measure: str) -> tuple[Level, ...]:
    """The levels that the measure has kept, one after the other. Raises MissingPackage.

    The cost of a level is its sum of absolute differences from the median, so that a single slow job makes none of its
    own; the penalty parts about one in twenty of the histories that never change, where their jobs are independent of
    each other, see benchmarks/stored_history.py.
    Source: Killick, Fearnhead and Eckley (2012), JASA 107:1590-1598, for the search.
    """
    logs = np.log([value(record, measure) for record in records])
    ends = [len(logs)]
    if len(logs) >= 2 * _SHORTEST:
        # steps hardly touch the median of the differences
        noise = 1.4826 * stats.median(np.abs(np.diff(logs))) / math.sqrt(2)
        scaled = ((logs - logs[0]) / max(noise, _FINEST)).reshape(-1, 1)
        search = pelt()(model="l1", min_size=_SHORTEST, jump=1).fit(scaled)
        ends = [int(end) for end in search.predict(pen=2 + math.log(len(logs)))]
    return tuple(
        Level(
            start=start,
            end=end,
            mean=float(logs[start:end].mean()),
            spread=float(logs[start:end].std(ddof=1)) if end - start > 1 else 0.0,
        )
        for start, end in zip([0, *ends], ends, strict=False)
    )


def pelt() -> Any:
    """The class that searches. Raises MissingPackage, so that it may be called before anything is timed."""
    try:
        from ruptures import Pelt
    except ImportError as error:
        raise MissingPackage.of("ruptures", "gate", "comparing with a history") from error
    return Pelt


def value(record: Record, measure: str) -> float:
    """One figure of a record: nanoseconds or bytes."""
    return {
        "latency": stats.median(record.medians_ns),
        "p90": record.p90_ns,
        "load": record.load_ns,
        "memory": float(record.memory_bytes),
        "size": float(record.size_bytes),
        "compressed": float(record.compressed_bytes),
    }[measure]
