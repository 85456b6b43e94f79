"""Trials → their order: the best for the goal first, those told apart that are close, and the one that is next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_opt.flows.planning import processor
from edge_opt.flows.together import timed_together
from edge_opt.flows.workbench import Workbench
from edge_opt.stages import pareto
from edge_opt.stages.plan import knowledge
from edge_opt.types import Finding, Goal, Measured, Step, Trial

_FINALISTS = 4


def rank(bench: Workbench, trials: Sequence[Trial]) -> tuple[tuple[Trial, ...], tuple[str, ...], tuple[Finding, ...]]:
    """The trials that are better than the baseline, best first; which of them are close to the first; and findings.

    Those whose gain cannot be told from the leader's are timed against it. Where that fails, the order of the rounds
    stands.
    """
    first = order(bench, trials)
    held = knowledge.without_claims(trials, processor(bench))
    close = pareto.near_ties(held, [trial.id for trial in first], _goal(bench))[: _FINALISTS - 1]
    if not close or bench.untimed:
        return first[:-1], close, ()
    leader = first[0]
    findings: tuple[Finding, ...] = ()
    measured = {trial.id: trial for trial in trials}
    sharper = dict(measured)
    for done, name in enumerate(close):
        bench.watch(Step(stage="tell apart", what=f"{leader.id} and {name}", done=done, total=len(close)))
        key = f"{name} against {leader.id}"
        ratio, notes = timed_together(bench, key, leader, measured[name], bench.request.seed)
        findings += notes
        if ratio:
            sharper[name] = _scaled(measured[name], leader, ratio.speed_up.estimate)
    ranked = order(bench, tuple(sharper.values()))
    return tuple(measured[trial.id] for trial in ranked[:-1]), close, findings


def following(
    bench: Workbench, sound: Sequence[Trial], ranked: Sequence[Trial], close: Sequence[str], seen: set[str]
) -> Trial | None:
    """The first of ``ranked`` not ``seen`` that is on the front of the ``sound``, or close to the first.

    Only those count that were not refused: what only a broken trial beats moves up.
    """
    front = {*pareto.front(sound, bench.request.target.budget), *close}
    return next((trial for trial in ranked if trial.id in front and trial.id not in seen), None)


def order(bench: Workbench, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """What is better than the baseline for the goal, the best first, and then the baseline.

    No float16 counts as faster than the float32 it is computed as.
    """
    by_id = {trial.id: trial for trial in trials}
    ids = pareto.order(
        knowledge.without_claims(trials, processor(bench)), bench.baseline.id, _goal(bench), bench.request.target.budget
    )
    return tuple(by_id[one] for one in ids)


def _goal(bench: Workbench) -> Goal:
    """What the best one is best at: the size, where nothing could be timed."""
    return "size" if bench.untimed else bench.request.goal


def _scaled(trial: Trial, leader: Trial, faster: float) -> Trial:
    """``trial`` as if it had been ``faster`` times as fast as the leader, whose own figures stay."""
    own, first = trial.measured, leader.measured
    if (
        not isinstance(own, Measured)
        or not isinstance(first, Measured)
        or own.speed_up is None
        or first.speed_up is None
    ):
        return trial
    factor = first.speed_up.estimate * faster / own.speed_up.estimate
    speed_up = replace(
        own.speed_up,
        low=own.speed_up.low * factor,
        estimate=own.speed_up.estimate * factor,
        high=own.speed_up.high * factor,
    )
    return replace(trial, measured=replace(own, speed_up=speed_up, median_ns=first.median_ns / faster))
