"""What to try next: the trials so far → the candidates of the next wave, and what they will cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_opt.flows.workbench import Workbench
from edge_opt.stages import guard, plan
from edge_opt.types import Candidate, Failure, Trial


def candidates_after(bench: Workbench, trials: Sequence[Trial], failures: Sequence[Failure]) -> tuple[Candidate, ...]:
    """The candidates of the next wave; what they will cost is told before anything is made."""
    request, given = bench.request, bench.given
    tried = {trial.id for trial in trials} | {failure.id for failure in failures}
    candidates = plan.plan(bench.baseline, request.recipes, request.target, bench.isa, given.source.kind, tried)
    if candidates:
        sample_bytes = np.load(given.timing, mmap_mode="r")[0].nbytes
        outline = plan.outline(
            candidates,
            given.model,
            given.summary.selection,
            sample_bytes,
            0 if bench.untimed else request.protocol.rounds,
            given.summary.certification,
        )
        doubt = guard.enough(given.summary.certification, request.target.budget.max_drop)
        bench.watch(replace(outline, findings=(doubt,) if doubt else ()))
    return candidates
