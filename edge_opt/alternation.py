"""Two artifacts in one process, in alternating blocks of random order: what each block of it took."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edge_opt import registry, stats
from edge_opt.errors import StepFailed
from edge_opt.store import parse_answer
from edge_opt.types import Entry, Environment


@dataclass(frozen=True, kw_only=True)
class Block:
    """Some inferences in a row of one of the two."""

    artifact: int
    samples_ns: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Alternation:
    """One finished process: its blocks come two by two, one of each artifact, in an order that was drawn."""

    blocks: tuple[Block, ...]
    environment: Environment

    def samples_ns(self, artifact: int) -> tuple[int, ...]:
        """Every latency of artifact 0 or 1."""
        return tuple(ns for one in self.blocks if one.artifact == artifact for ns in one.samples_ns)

    def median_ns(self, artifact: int) -> float:
        """The median over the blocks of artifact 0 or 1."""
        return stats.median([stats.median(one.samples_ns) for one in self.blocks if one.artifact == artifact])


def alternate(
    first: Entry,
    second: Entry,
    inputs: Path | None,
    device: registry.Device,
    *,
    turned: bool,
    threads: int,
    seed: int,
    warmup: int,
    min_seconds: float,
) -> Alternation:
    """What one process took for ``first``, which its blocks call 0, and ``second``, which they call 1.

    Whoever is loaded later has a steady advantage (0.6 % of 1.6 µs), so that over several processes the two must take
    turns at it: ``turned`` loads ``second`` before ``first``. Raises StepFailed where they cannot share a process.
    """
    job = {
        "protocol": 1,
        "mode": "pair",
        "artifacts": [one.job() for one in ((second, first) if turned else (first, second))],
        "threads": threads,
        "warmup": warmup,
        "min_seconds": min_seconds,
        "seed": seed,
        **({"inputs": str(inputs.resolve())} if inputs else {}),
    }
    taken: Alternation = parse_answer(Alternation, device.run(job))
    if {one.artifact for one in taken.blocks} != {0, 1}:
        raise StepFailed("its worker's answer does not hold blocks of both artifacts", "see docs/worker-protocol.md")
    if not turned:
        return taken
    return replace(taken, blocks=tuple(replace(one, artifact=1 - one.artifact) for one in taken.blocks))
