"""Artifacts → their latencies on the device: interleaved rounds in random order, every measurement in a fresh process."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge_opt import registry, stats
from edge_opt.errors import EdgeOptError
from edge_opt.store import Run, parse
from edge_opt.types import Environment, Interval, Measured, NotTimed, Round


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What one measurement runs: the file a runtime opens, the runtime, and its options."""

    path: Path
    runtime: str
    options: Mapping[str, str] = field(default_factory=dict)

    def job(self) -> dict[str, Any]:
        """The entry in the words of the worker protocol."""
        return {"path": str(self.path.resolve()), "runtime": self.runtime, "options": dict(self.options)}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How long to measure: each round of each entry lasts ``min_seconds`` and ``min_runs``, or ends at ``max_runs``."""

    rounds: int = 10
    warmup: int = 10
    min_runs: int = 20
    max_runs: int = 4000
    min_seconds: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Timed:
    """One finished measurement: the round, and what the worker said of itself and of the machine."""

    runtime_version: str
    executed: Mapping[str, str]
    environment: Environment
    round: Round


@dataclass(frozen=True, kw_only=True)
class Paired:
    """One finished process of the mode ``pair``: the median latency of each of the two, from alternating blocks."""

    first_ns: float
    second_ns: float


def benchmark(
    entries: Mapping[str, Entry],
    inputs: Path | None,
    device: registry.Device,
    run: Run,
    *,
    threads: int,
    seed: int,
    protocol: Protocol,
    tell: Callable[[str, int, int], None],
) -> dict[str, Measured | NotTimed]:
    """Every entry as it was measured; the first one is the baseline that the others' speed-ups refer to.

    ``inputs`` is a ``.npy`` of a few samples. Each round is saved as it ends. An entry that fails once is left out of the
    rounds that follow, and comes back as NotTimed with the reason.
    """
    timed: dict[str, list[Timed]] = {name: [] for name in entries}
    broken: dict[str, NotTimed] = {}
    done, total = 0, protocol.rounds * len(entries)
    for index in range(protocol.rounds):
        order = [name for name in entries if name not in broken]
        random.Random(seed * 1009 + index).shuffle(order)
        for name in order:
            tell(name, done, total)
            answer = run.once(
                f"round {index} of {name} at {threads}", Timed | NotTimed, lambda: _time(entries[name], inputs, device, threads, seed, protocol)  # noqa: B023
            )
            done += 1
            if isinstance(answer, NotTimed):
                broken[name] = answer
            else:
                timed[name].append(answer)
    measured = {name: broken.get(name) or _measured(entry, timed[name], threads) for name, entry in entries.items()}
    return {name: _against(next(iter(measured.values())), one, seed) for name, one in measured.items()}


def _time(
    entry: Entry, inputs: Path | None, device: registry.Device, threads: int, seed: int, protocol: Protocol
) -> Timed | NotTimed:
    job = {
        "protocol": 1,
        "mode": "time",
        "artifacts": [entry.job()],
        "threads": threads,
        "warmup": protocol.warmup,
        "min_runs": protocol.min_runs,
        "max_runs": protocol.max_runs,
        "min_seconds": protocol.min_seconds,
        "seed": seed,
        **({"inputs": str(inputs.resolve())} if inputs else {}),
    }
    try:
        answer = device.run(job)
    except EdgeOptError as error:
        return NotTimed(reason=error.message)
    return Timed(
        runtime_version=answer["runtime_version"],
        executed=answer["executed"],
        environment=parse(Environment, answer["environment"]),
        round=Round(
            load_ns=answer["load_ns"],
            samples_ns=tuple(answer["samples_ns"]),
            peak_rss_bytes=answer["peak_rss_bytes"],
            baseline_rss_bytes=answer["baseline_rss_bytes"],
        ),
    )


def _measured(entry: Entry, timed: Sequence[Timed], threads: int) -> Measured:
    rounds = tuple(one.round for one in timed)
    samples = np.concatenate([one.samples_ns for one in rounds])
    return Measured(
        runtime=entry.runtime,
        runtime_version=timed[0].runtime_version,
        threads=threads,
        options=entry.options,
        executed=timed[0].executed,
        rounds=rounds,
        environment=timed[0].environment,
        median_ns=stats.median(samples),
        half_iqr_ns=stats.half_iqr(samples),
        p90_ns=stats.quantile(samples, 0.9),
        load_ns=stats.median([one.load_ns for one in rounds]),
        peak_rss_bytes=int(stats.median([one.peak_rss_bytes for one in rounds])),
        memory_bytes=int(stats.median([max(0, one.peak_rss_bytes - one.baseline_rss_bytes) for one in rounds])),
    )


def _against(baseline: Measured | NotTimed, one: Measured | NotTimed, seed: int) -> Measured | NotTimed:
    """``one`` with its speed-up over the baseline: the ratios of the round medians, round by round."""
    from dataclasses import replace

    if isinstance(baseline, NotTimed) or isinstance(one, NotTimed) or one is baseline:
        return one
    medians = [[stats.median(r.samples_ns) for r in measured.rounds] for measured in (baseline, one)]
    return replace(one, speed_up=stats.ratio_interval(*medians, confidence=0.95, seed=seed))


def pair(
    name: str,
    first: Entry,
    second: Entry,
    inputs: Path,
    device: registry.Device,
    run: Run,
    *,
    threads: int,
    seed: int,
    processes: int = 5,
) -> tuple[Interval, tuple[Paired, ...]]:
    """How many times faster ``second`` is than ``first``, both alternating in one process, over several processes."""
    taken = tuple(
        run.once(f"pair {name} at {threads}, process {index}", Paired, lambda: _pair(first, second, inputs, device, threads, seed + index))  # noqa: B023
        for index in range(processes)
    )
    ratio = stats.ratio_interval([one.first_ns for one in taken], [one.second_ns for one in taken], confidence=0.95, seed=seed)
    return ratio, taken


def _pair(first: Entry, second: Entry, inputs: Path, device: registry.Device, threads: int, seed: int) -> Paired:
    answer = device.run(
        {
            "protocol": 1,
            "mode": "pair",
            "artifacts": [first.job(), second.job()],
            "threads": threads,
            "inputs": str(inputs.resolve()),
            "warmup": 10,
            "min_seconds": 0.5,
            "seed": seed,
        }
    )
    samples: tuple[list[int], list[int]] = ([], [])
    for block in answer["blocks"]:
        samples[block["artifact"]].extend(block["samples_ns"])
    return Paired(first_ns=stats.median(samples[0]), second_ns=stats.median(samples[1]))
