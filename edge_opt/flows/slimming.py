"""Once the ways to store the model are known: which smaller network is tried next, and how long it may be trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_opt import units
from edge_opt.flows.lesson import LEAST_S, NET, untaught
from edge_opt.flows.workbench import Workbench
from edge_opt.stages import pareto
from edge_opt.stages.plan import slimming
from edge_opt.types import Candidate, Failure, Finding, Skipped, Trial

USUAL_S = 60.0  # of a training that nothing is known of
_SHARE = 0.5  # of the time that is left, for the trainings of one wave


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """The next network in the ways that are worth it, and why there is none."""

    candidates: tuple[Candidate, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    findings: tuple[Finding, ...] = ()


def proposed(bench: Workbench, trials: Sequence[Trial], failures: Sequence[Failure], left_s: float | None) -> Proposed:
    """The next network of the search; nothing where recipes were asked for by name. ``left_s`` is there for it."""
    request = bench.request
    if request.as_asked or request.effort == "quick":
        return Proposed()
    if why := untaught(bench):
        return Proposed(
            findings=(
                Finding(code="EO421", level="info", message=f"no smaller network was tried: {why.why}", hint=why.hint),
            )
        )
    passes = slimming.following(trials, failures, bench.given.model, request.effort)
    if not passes:
        return Proposed()
    ranked = pareto.order(
        trials, bench.baseline.id, request.goal if not bench.untimed else "size", request.target.budget
    )
    found = slimming.candidates(passes, slimming.ways(trials, ranked, request.effort))
    seconds = training_s(bench, left_s, max(1, trainings(bench, found)))
    if seconds is not None and seconds < LEAST_S:
        late = f"no time left: the training of '{'+'.join(passes)}' needs at least {units.format_seconds(LEAST_S)}"
        return Proposed(skipped=tuple(Skipped(id=one.id, reason=late) for one in found))
    return Proposed(candidates=found)


def training_s(bench: Workbench, left_s: float | None, count: int) -> float | None:
    """The seconds for each of ``count`` trainings; None, for as long as they take, where recipes were asked for."""
    most = None if bench.request.as_asked else slimming.TRAINING_S[bench.request.effort]
    if left_s is None:
        return most
    return max(0.0, min(left_s * _SHARE / count, most if most is not None else left_s))


def trainings(bench: Workbench, candidates: Sequence[Candidate]) -> int:
    """How many networks ``candidates`` need that are not yet made."""
    every = {one.recipe.passes[:length] for one in candidates for length in range(1, len(one.recipe.passes) + 1)}
    return sum(not bench.run.finished(f"{NET}{'+'.join(passes)}") for passes in every)
