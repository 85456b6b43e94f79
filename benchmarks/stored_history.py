"""How often a decision against a history is wrong, on simulated histories; ``docs/history.md`` shows it.

Writes ``benchmarks/results/stored_history.json``. Run it with ``python benchmarks/stored_history.py``; it takes some
minutes and is the same on every run. The figures are of jobs that differ by nothing but noise from job to job: what a
machine does that changes between one day and the next is not simulated, and no history could hold it.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.stages.gate import history
from edge_opt.stages.gate.levels import levels
from edge_opt.types import Fingerprint, Record

RESULTS = Path(__file__).resolve().parent / "results" / "stored_history.json"

LIMIT = 0.02
RECORDS = (5, 10, 20)
SPREADS = (0.005, 0.01, 0.02)  # the standard deviation of one job's median from job to job, as a share
CHANGES = (0.0, 0.02, 0.05, 0.10)
KINDS = ("normal", "heavy", "drifting")
_FINGERPRINT = Fingerprint(
    cpu="simulated",
    machine="simulated",
    cores=1,
    governor="",
    runtime="simulated",
    runtime_version="",
    options={},
    threads=1,
)


def noise(rng: np.random.Generator, kind: str, count: int) -> NDArray[np.float64]:
    """``count`` jobs in a row with a standard deviation of 1: *normal* and *heavy* ones do not know of each other.

    *Heavy* is Student's t with 3 degrees of freedom. Of *drifting* ones each keeps 0.7 of what the last one had.
    """
    if kind == "heavy":
        return np.asarray(rng.standard_t(3, count) / math.sqrt(3))
    drawn = rng.normal(size=count)
    if kind == "drifting":
        for index in range(1, count):
            drawn[index] = 0.7 * drawn[index - 1] + math.sqrt(1 - 0.7**2) * drawn[index]
    return np.asarray(drawn)


def record(latency_ns: float) -> Record:
    """A measurement of which only the latency is looked at."""
    return Record(
        label="simulated",
        taken="",
        sha256="",
        values=1,
        classes=1,
        fingerprint=_FINGERPRINT,
        system="",
        medians_ns=(latency_ns,),
        p90_ns=latency_ns,
        load_ns=1.0,
        memory_bytes=1,
        size_bytes=1,
        compressed_bytes=1,
    )


def decided(
    rng: np.random.Generator, kind: str, count: int, spread: float, change: float, runs: int
) -> dict[str, float]:
    """How often each outcome is given for a candidate that is really slower by ``change``."""
    found: Counter[str] = Counter()
    for _ in range(runs):
        jobs = 1e6 * np.exp(spread * noise(rng, kind, count + 1))
        jobs[-1] *= 1 + change
        *before, now = map(record, jobs.tolist())
        found[history.decide(now, before, "latency", LIMIT).outcome] += 1
    return {name: round(found[name] / runs, 4) for name in ("ok", "improved", "regressed", "unclear")}


def parted(rng: np.random.Generator, kind: str, count: int, runs: int) -> float:
    """The share of histories that never change and are yet taken for more than one level."""
    drawn = ([record(1e6 * math.exp(0.01 * one)) for one in noise(rng, kind, count)] for _ in range(runs))
    return round(sum(len(levels(one, "latency")) > 1 for one in drawn) / runs, 4)


def simulate(seed: int, runs: int) -> dict[str, Any]:
    """Every figure of the JSON file."""
    rng = np.random.default_rng(seed)
    cases = [("normal", count, spread) for count in RECORDS for spread in SPREADS]
    cases += [(kind, 20, 0.01) for kind in KINDS[1:]]
    return {
        "command": "python benchmarks/stored_history.py",
        "seed": seed,
        "runs": runs,
        "limit": LIMIT,
        "decisions": [
            {
                "noise": kind,
                "records": count,
                "spread": spread,
                "change": change,
                **decided(rng, kind, count, spread, change, runs),
            }
            for kind, count, spread in cases
            for change in CHANGES
        ],
        "histories_that_never_change_parted": [
            {"noise": kind, "records": count, "parted": parted(rng, kind, count, runs)}
            for kind in KINDS
            for count in (10, 20, 50)
        ],
    }


def main() -> None:
    """Simulate, write the file, and print it."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--runs", type=int, default=1_000)
    options.add_argument("--seed", type=int, default=2012)
    given = options.parse_args()
    found = simulate(given.seed, given.runs)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    for one in (*found["decisions"], *found["histories_that_never_change_parted"]):
        print(*(f"{key} {value:<8}" for key, value in one.items()))


if __name__ == "__main__":
    main()
