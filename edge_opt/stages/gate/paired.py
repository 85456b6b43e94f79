"""Two artifacts alternating in one process → the ratios of their latencies, one a process; and the decision on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from edge_opt import alternation, registry, stats
from edge_opt.alternation import Alternation
from edge_opt.errors import StepFailed
from edge_opt.stages.gate import words
from edge_opt.stages.gate.sequence import judge
from edge_opt.store import Run
from edge_opt.types import Basis, Decision, Entry

MEASURES = ("latency", "p90")
SECONDS = 0.3  # of alternation in one process; its start takes about as long


def alternate(
    baseline: Entry, candidate: Entry, device: registry.Device, run: Run, *, index: int, threads: int, seed: int
) -> Alternation:
    """Process ``index`` of the two, which ``run`` keeps. Raises StepFailed where they cannot share a process."""
    taken: Alternation = run.once(
        f"alternation {index}",
        Alternation,
        lambda: alternation.alternate(
            baseline,
            candidate,
            None,
            device,
            turned=index % 2 == 1,
            threads=threads,
            seed=seed * 1009 + index,
            warmup=5,
            min_seconds=SECONDS,
        ),
    )
    return taken


def figures_ns(taken: Alternation, artifact: int) -> dict[str, float]:
    """The median and the 90th percentile of artifact 0 or 1 in one process."""
    samples = taken.samples_ns(artifact)
    return {"latency": stats.median(samples), "p90": stats.quantile(samples, 0.9)}


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
    baseline, candidate = (figures_ns(taken, which)["p90"] for which in (0, 1))
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
