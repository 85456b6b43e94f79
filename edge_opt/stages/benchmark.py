"""Artifacts → their latencies on the device: in rounds of random order, every measurement in a fresh process."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from edge_opt import registry, stats
from edge_opt.alternation import Alternation, alternate
from edge_opt.errors import StepFailed
from edge_opt.store import Run, parse_answer
from edge_opt.types import Entry, Environment, Interval, Measured, NotTimed, Round


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


def benchmark(
    entries: Mapping[str, Entry],
    inputs: Path | None,
    device: registry.Device,
    run: Run,
    *,
    wave: int | str,
    threads: int,
    seed: int,
    protocol: Protocol,
    tell: Callable[[str, int, int], None],
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Every entry as it was measured, and why the others were not; the first is the baseline of the speed-ups.

    ``inputs`` is a ``.npy`` of a few samples; without it the worker makes random ones. Each round is saved as it ends,
    under its ``wave``, which no other measurement of the run has. An entry that fails once is left out of what follows.
    """
    timed: dict[str, list[Timed]] = {name: [] for name in entries}
    broken: dict[str, str] = {}
    done, total = 0, protocol.rounds * len(entries)
    for index in range(protocol.rounds):
        order = [name for name in entries if name not in broken]
        random.Random(seed * 1009 + index).shuffle(order)
        for name in order:
            tell(name, done, total)
            answer = run.once(
                f"wave {wave}, round {index} of {name}",
                Timed | NotTimed,
                lambda: _time(entries[name], inputs, device, threads, seed * 1009 + index, protocol),  # noqa: B023 - now
            )
            done += 1
            if isinstance(answer, NotTimed):
                broken[name] = answer.reason
            else:
                timed[name].append(answer)
    measured = {name: _measured(entry, timed[name], threads) for name, entry in entries.items() if name not in broken}
    baseline = measured.get(next(iter(entries)))
    return {name: _against(baseline, one, seed) for name, one in measured.items()}, broken


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
        timed: Timed = parse_answer(Timed, {**answer, "round": answer})
        if not timed.round.samples_ns:
            raise StepFailed("its worker's answer holds no samples")
    except StepFailed as error:  # nothing else is a property of the artifact
        return NotTimed(reason=error.message)
    return timed


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
        environment=replace(timed[0].environment, load_average=max(one.environment.load_average for one in timed)),
        median_ns=stats.median(samples),
        half_iqr_ns=stats.half_iqr(samples),
        p90_ns=stats.quantile(samples, 0.9),
        load_ns=stats.median([one.load_ns for one in rounds]),
        peak_rss_bytes=int(stats.median([one.peak_rss_bytes for one in rounds])),
        memory_bytes=int(stats.median([one.memory_bytes for one in rounds])),
    )


def _against(baseline: Measured | None, one: Measured, seed: int) -> Measured:
    """``one`` with its speed-up over the baseline: the ratios of the round medians, round by round."""
    if baseline is None or one is baseline:
        return one
    medians = [[stats.median(taken.samples_ns) for taken in measured.rounds] for measured in (baseline, one)]
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
    processes: int = 6,
) -> tuple[Interval, tuple[Alternation, ...]]:
    """How many times faster ``second`` is than ``first``, both alternating in one process, over several processes.

    Six are the fewest whose range holds the median with 95 %. Every sample is kept in the journal of ``run``. Raises
    StepFailed where the two cannot share a process.
    """

    def alternated(index: int) -> Alternation:
        return alternate(
            first,
            second,
            inputs,
            device,
            turned=index % 2 == 1,
            threads=threads,
            seed=seed + index,
            warmup=10,
            min_seconds=0.5,
        )

    taken = tuple(
        run.once(f"pair {name}, process {index}", Alternation, partial(alternated, index)) for index in range(processes)
    )
    blocks = [[(block.artifact, block.samples_ns) for block in one.blocks] for one in taken]
    return stats.pair_interval(blocks, confidence=0.95, seed=seed), taken
