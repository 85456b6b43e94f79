"""Two artifacts alternating in one process → the ratios of their latencies, one a process; and the decision on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_opt import registry, stats
from edge_opt.errors import StepFailed
from edge_opt.stages.gate import words
from edge_opt.stages.gate.sequence import judge
from edge_opt.store import Run, parse_answer
from edge_opt.types import Basis, Decision, Entry, Environment

MEASURES = ("latency", "p90")
SECONDS = 0.3  # of alternation in one process; its start takes about as long


@dataclass(frozen=True, kw_only=True)
class Block:
    """Some inferences of one of the two, in the order in which they ran."""

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

    def figures_ns(self, artifact: int) -> dict[str, float]:
        """The median and the 90th percentile of artifact 0 or 1."""
        samples = self.samples_ns(artifact)
        return {"latency": stats.median(samples), "p90": stats.quantile(samples, 0.9)}


def alternate(
    baseline: Entry,
    candidate: Entry,
    inputs: Path | None,
    device: registry.Device,
    run: Run,
    *,
    index: int,
    threads: int,
    seed: int,
) -> Alternation:
    """Process ``index`` of the two, which ``run`` keeps. Raises StepFailed where they cannot share a process.

    Who is loaded second has a steady advantage (0.6 % at 1.6 µs), so that the two take turns at it.
    """
    turned = index % 2 == 1
    job = {
        "protocol": 1,
        "mode": "pair",
        "artifacts": [one.job() for one in ((candidate, baseline) if turned else (baseline, candidate))],
        "threads": threads,
        "warmup": 5,
        "min_seconds": SECONDS,
        "seed": seed * 1009 + index,
        **({"inputs": str(inputs.resolve())} if inputs else {}),
    }
    taken: Alternation = run.once(
        f"alternation {index}", Alternation, lambda: _named(parse_answer(Alternation, device.run(job)), turned)
    )
    if {one.artifact for one in taken.blocks} != {0, 1}:
        raise StepFailed("its worker's answer does not hold blocks of both artifacts", "see docs/worker-protocol.md")
    return taken


def _named(answered: Alternation, turned: bool) -> Alternation:
    """The blocks by what they ran, 0 the baseline, also where the candidate stood first in the job."""
    if not turned:
        return answered
    return replace(answered, blocks=tuple(replace(one, artifact=1 - one.artifact) for one in answered.blocks))


def log_ratios(taken: Alternation) -> dict[str, float]:
    """The logarithm of candidate over baseline of each measure.

    That of the latency is the median over the pairs of blocks: a machine that changes its pace meanwhile changes both
    blocks of a pair.
    """
    couples = zip(taken.blocks[::2], taken.blocks[1::2], strict=False)
    medians = [{one.artifact: stats.median(one.samples_ns) for one in couple} for couple in couples]
    pairs = [math.log(one[1] / one[0]) for one in medians if len(one) == 2]
    if not pairs:
        raise StepFailed("its worker's answer holds no pair of blocks", "see docs/worker-protocol.md")
    baseline, candidate = (taken.figures_ns(which)["p90"] for which in (0, 1))
    return {"latency": float(np.median(pairs)), "p90": math.log(candidate / baseline)}


def decide(
    measure: str,
    logs: Sequence[float],
    limit: float,
    figures: tuple[Sequence[Mapping[str, float]], Sequence[Mapping[str, float]]],
    basis: Basis,
) -> Decision:
    """The decision on ``measure`` from the logarithms of its ratios, one a process or a round.

    ``figures`` are what each of those measured in absolute terms, of the baseline and of the candidate.
    """
    found = judge(logs, limit)
    before, after = (float(np.median([one[measure] for one in side])) for side in figures)
    message, hint = words.explained(measure, found.outcome, found.change, limit, found.processes, basis)
    return Decision(
        measure=measure,
        outcome=found.outcome,
        unit="bytes" if measure == "memory" else "ns",
        baseline=before,
        candidate=after,
        change=found.change,
        limit=limit,
        basis=basis,
        evidence=found.processes,
        message=message,
        hint=hint,
    )
