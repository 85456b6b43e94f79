"""Trials → the one to hand over: ranked, told apart where they are close, timed again, and certified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_opt.errors import StepFailed
from edge_opt.flows.together import timed_together
from edge_opt.flows.trials import accuracy_of
from edge_opt.flows.workbench import Workbench
from edge_opt.results.report import words
from edge_opt.stages import guard, pareto
from edge_opt.types import Access, Accuracy, Certificate, Failure, Finding, Goal, Measured, Retimed, Step, Trial

_FINALISTS = 4


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is handed over, by its certificate, and everything that came up on the way to it."""

    certificate: Certificate
    retimed: Retimed | None
    findings: tuple[Finding, ...]
    failures: tuple[Failure, ...]


def choose(bench: Workbench, trials: Sequence[Trial]) -> Choice:
    """The first in rank that stays ahead of the baseline when timed again, and then passes its certificate.

    Every look at the certification split goes into the ledger; the baseline stands last, so that there always is an
    answer. Where the samples are too few for any candidate to pass, none is looked at. Raises StepFailed where not
    even the baseline can be run there.
    """
    baseline = trials[0]
    limit = bench.request.target.budget.max_drop
    order, close, findings = rank(bench, trials)
    reference = _certified_accuracy(bench, baseline)
    ledger: list[Access] = []
    failures: list[Failure] = []
    refused: set[str] = set()
    while guard.certifiable(len(reference.scores), limit):
        seen = {*refused, *(look.trial for look in ledger)}
        trial = _next(bench, [one for one in trials if one.id not in refused], order, close, seen)
        if trial is None:
            break
        again, notes = time_again(bench, baseline, trial)
        findings += notes
        if again is None and not bench.untimed:
            refused.add(trial.id)
            continue
        bench.watch(Step(stage="certify", what=trial.id, done=len(seen), total=len(order)))
        try:
            accuracy = _certified_accuracy(bench, trial)
        except StepFailed as error:
            failures.append(_broken(trial, error))
            refused.add(trial.id)
            continue
        certificate = _certificate(bench, trial, reference, accuracy, ledger)
        ledger.append(Access(trial=trial.id, status=certificate.status))
        if certificate.status == "pass":
            certificate = replace(certificate, ledger=tuple(ledger))
            return Choice(certificate=certificate, retimed=again, findings=findings, failures=tuple(failures))
    ledger.append(Access(trial=baseline.id, status="pass"))
    certificate = _certificate(bench, baseline, reference, reference, ledger)
    return Choice(certificate=certificate, retimed=None, findings=findings, failures=tuple(failures))


# ── ranked ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def rank(bench: Workbench, trials: Sequence[Trial]) -> tuple[tuple[Trial, ...], tuple[str, ...], tuple[Finding, ...]]:
    """The trials that are better than the baseline, best first; which of them are close to the first; and findings.

    Those whose gain cannot be told from the leader's are timed against it. Where that fails, the order of the rounds
    stands.
    """
    order = _order(bench, trials)
    close = pareto.near_ties(trials, [trial.id for trial in order], _goal(bench))[: _FINALISTS - 1]
    if not close or bench.untimed:
        return order[:-1], close, ()
    leader = order[0]
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
    ranked = _order(bench, tuple(sharper.values()))
    return tuple(measured[trial.id] for trial in ranked[:-1]), close, findings


def _next(
    bench: Workbench, sound: Sequence[Trial], order: Sequence[Trial], close: Sequence[str], seen: set[str]
) -> Trial | None:
    """The first of ``order`` not ``seen`` that is on the front of the ``sound``, or close to the first.

    Only those count that were not refused: what only a broken trial beats moves up.
    """
    front = {*pareto.front(sound, bench.request.target.budget), *close}
    return next((trial for trial in order if trial.id in front and trial.id not in seen), None)


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


# ── timed again ────────────────────────────────────────────────────────────────────────────────────────────────────


def time_again(bench: Workbench, baseline: Trial, trial: Trial) -> tuple[Retimed | None, tuple[Finding, ...]]:
    """The speed-up of ``trial``, timed afresh against the baseline: the fastest of many is flattered by noise.

    None where nothing can be timed here, where the second timing fails, and where it takes back what the rank of the
    trial rested on: the findings say which.
    """
    if bench.untimed:
        return None, ()
    bench.watch(Step(stage="time again", what=trial.id, done=0, total=1))
    key = f"{trial.id} against {baseline.id}, again"
    again, findings = timed_together(bench, key, baseline, trial, bench.request.seed + 1)
    if again is None or not isinstance(trial.measured, Measured):
        return None, findings
    afresh = replace(trial, measured=replace(trial.measured, speed_up=again.speed_up))
    if _order(bench, (baseline, afresh))[0] is afresh:
        return again, findings
    found = Finding(
        code="EO307",
        level="warning",
        message=f"'{trial.id}' is not handed over: timed again, it is no longer better than the baseline, "
        f"{words.faster(again.speed_up)}",
        hint="its lead was within the noise: measure on a quiet machine, with more --rounds",
    )
    return None, (*findings, found)


# ── certified ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _certified_accuracy(bench: Workbench, trial: Trial) -> Accuracy:
    return bench.run.once(
        f"evaluate {trial.id} on certification",
        Accuracy,
        lambda: accuracy_of(bench, bench.entry(trial), "certification"),
    )


def _certificate(
    bench: Workbench, trial: Trial, reference: Accuracy, accuracy: Accuracy, ledger: Sequence[Access]
) -> Certificate:
    verdict = guard.judge(reference, accuracy, bench.request.target.budget.max_drop)
    labels = bench.given.splits.certification.labels.tolist()
    worst = guard.worst_class(reference, accuracy, labels, bench.given.summary.classes)
    return Certificate(
        status=verdict.status,
        trial=trial.id,
        verdict=replace(verdict, findings=(*verdict.findings, worst)) if worst else verdict,
        baseline=reference,
        accuracy=accuracy,
        ledger=tuple(ledger),
    )


def _broken(trial: Trial, error: StepFailed) -> Failure:
    return Failure(
        id=trial.id,
        recipe=trial.recipe.name,
        stage="evaluate",
        message=f"on the certification split, so it is not handed over: {error.message}",
        hint=error.hint,
    )
