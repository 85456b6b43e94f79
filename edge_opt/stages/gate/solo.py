"""Two artifacts in processes of their own, by turns → the ratios of load time, memory and latencies, one a round.

What sharing a process would hide: memory that both use is counted once, and what the first one loaded is there already
for the second.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from edge_opt import registry, stats
from edge_opt.errors import StepFailed
from edge_opt.store import Run, parse_answer
from edge_opt.types import Entry, Environment, Round

MEASURES = ("latency", "p90", "load", "memory")


@dataclass(frozen=True, kw_only=True)
class Alone:
    """One finished process that held one artifact."""

    round: Round
    environment: Environment

    def figures(self) -> dict[str, float]:
        """Each measure of it: nanoseconds, and of memory the bytes that loading and running added to the process."""
        return {
            "latency": stats.median(self.round.samples_ns),
            "p90": stats.quantile(self.round.samples_ns, 0.9),
            "load": float(self.round.load_ns),
            "memory": float(self.round.memory_bytes),
        }


def take_turns(
    baseline: Entry, candidate: Entry, device: registry.Device, run: Run, *, index: int, threads: int, seed: int
) -> tuple[Alone, Alone]:
    """Round ``index``: both in fresh processes, in an order that is drawn. Raises StepFailed where one cannot run."""
    order = random.Random(seed * 1009 + index).sample((0, 1), 2)
    taken = {
        which: run.once(
            f"round {index} of {'candidate' if which else 'baseline'}",
            Alone,
            lambda: _alone((baseline, candidate)[which], device, threads, seed * 1009 + index),  # noqa: B023 - now
        )
        for which in order
    }
    return taken[0], taken[1]


def _alone(entry: Entry, device: registry.Device, threads: int, seed: int) -> Alone:
    answer = device.run(
        {
            "protocol": 1,
            "mode": "time",
            "artifacts": [entry.job()],
            "threads": threads,
            "warmup": 5,
            "min_seconds": 0.15,
            "seed": seed,
        }
    )
    found: Alone = parse_answer(Alone, {**answer, "round": answer})
    return found


def log_ratios(taken: tuple[Alone, Alone], measures: Sequence[str]) -> dict[str, float]:
    """The logarithm of candidate over baseline of ``measures``. Raises StepFailed where a worker does not tell one."""
    baseline, candidate = (one.figures() for one in taken)
    for measure in measures:
        if min(baseline[measure], candidate[measure]) <= 0:
            raise StepFailed(f"its worker does not tell its {measure}", "leave that measure out")
    return {measure: math.log(candidate[measure] / baseline[measure]) for measure in measures}
