"""Trials → the one to hand over: ranked, told apart where they are close, certified, and timed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_opt.flows.trials import accuracy_of
from edge_opt.flows.workbench import Goal, Workbench
from edge_opt.stages import guard, pareto
from edge_opt.stages.benchmark import pair
from edge_opt.types import Access, Accuracy, Certificate, Measured, Retimed, Step, Trial

_FINALISTS = 4


def rank(bench: Workbench, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The trials of the front that may be handed over, best first, the baseline last.

    Those whose gain cannot be told from the leader's are timed against it in one process, whether or not the noise of
    the rounds has left them on the front.
    """
    order = _order(bench, trials)
    close = pareto.near_ties(trials, [trial.id for trial in order], _goal(bench))[: _FINALISTS - 1]
    front = {*pareto.front(trials, bench.request.target.budget), *close, bench.baseline.id}
    if not close or bench.untimed:
        return tuple(trial for trial in order if trial.id in front)
    leader = order[0]
    sharper = {trial.id: trial for trial in trials}
    for done, name in enumerate(close):
        bench.watch(Step(stage="tell apart", what=f"{leader.id} and {name}", done=done, total=len(close)))
        ratio, _ = pair(
            f"{name} against {leader.id}",
            bench.entry(leader),
            bench.entry(sharper[name]),
            bench.given.timing,
            bench.device,
            bench.run,
            threads=bench.request.threads,
            seed=bench.request.seed,
        )
        sharper[name] = _scaled(sharper[name], leader, ratio.estimate)
    measured = {trial.id: trial for trial in trials}
    return tuple(measured[trial.id] for trial in _order(bench, tuple(sharper.values())) if trial.id in front)


def _order(bench: Workbench, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    by_id = {trial.id: trial for trial in trials}
    ids = pareto.order(trials, bench.baseline.id, _goal(bench), bench.request.target.budget)
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


def certify(bench: Workbench, order: Sequence[Trial], baseline: Trial) -> Certificate:
    """The first of ``order`` that passes on the certification split, which no choice has seen before.

    Every look at that split goes into the ledger. The baseline stands last, so that there always is an answer.
    """
    reference = _certified_accuracy(bench, baseline)
    labels = bench.given.splits.certification.labels.tolist()
    ledger: list[Access] = []
    for trial in order:
        bench.watch(Step(stage="certify", what=trial.id, done=len(ledger), total=len(order)))
        accuracy = reference if trial is baseline else _certified_accuracy(bench, trial)
        verdict = guard.judge(reference, accuracy, bench.request.target.budget.max_drop)
        worst = guard.worst_class(reference, accuracy, labels, bench.given.summary.classes)
        ledger.append(Access(trial=trial.id, status=verdict.status))
        if verdict.status == "pass":
            break
    return Certificate(
        status=verdict.status,
        trial=trial.id,
        verdict=replace(verdict, findings=(*verdict.findings, worst)) if worst else verdict,
        baseline=reference,
        accuracy=accuracy,
        ledger=tuple(ledger),
    )


def _certified_accuracy(bench: Workbench, trial: Trial) -> Accuracy:
    return bench.run.once(
        f"evaluate {trial.id} on certification",
        Accuracy,
        lambda: accuracy_of(bench, bench.entry(trial), "certification"),
    )


def time_again(bench: Workbench, baseline: Trial, best: Trial) -> Retimed | None:
    """The speed-up of the best, timed afresh against the baseline: the fastest of many is flattered by noise.

    None where there is nothing to compare: the baseline is the best, or nothing can be timed here.
    """
    if bench.untimed or best.id == baseline.id:
        return None
    bench.watch(Step(stage="time again", what=best.id, done=0, total=1))
    speed_up, taken = pair(
        f"{best.id} against {baseline.id}, again",
        bench.entry(baseline),
        bench.entry(best),
        bench.given.timing,
        bench.device,
        bench.run,
        threads=bench.request.threads,
        seed=bench.request.seed + 1,
    )
    return Retimed(
        mode="pair",
        speed_up=speed_up,
        baseline_ns=tuple(one.median_ns(0) for one in taken),
        best_ns=tuple(one.median_ns(1) for one in taken),
    )
