"""Trials → the one to hand over: ranked, told apart where they are close, timed again, and certified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_opt.errors import StepFailed
from edge_opt.flows.ranking import following, rank
from edge_opt.flows.retiming import time_again
from edge_opt.flows.traded import loses, traded
from edge_opt.flows.trials import accuracy_of
from edge_opt.flows.workbench import Workbench
from edge_opt.stages import guard
from edge_opt.types import Access, Accuracy, Certificate, Failure, Finding, Quality, Retimed, Step, Trial

_LOOK, _AT = "evaluate ", " on certification"  # around the id of a trial: the key of a look in the journal


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is handed over, by its certificate, and everything that came up on the way to it."""

    certificate: Certificate
    retimed: Retimed | None
    quality: Quality | None
    findings: tuple[Finding, ...]
    failures: tuple[Failure, ...]


def choose(bench: Workbench, trials: Sequence[Trial]) -> Choice:
    """The first in rank that stays ahead of the baseline when timed again, loses no robustness, and is then certified.

    Every look at the certification split goes into the ledger, also those made before a resume; the baseline stands
    last, so that there always is an answer. Where the samples are too few for any candidate to pass, none is looked at.
    Raises StepFailed where not even the baseline can be run there.
    """
    baseline = trials[0]
    limit = bench.request.target.budget.max_drop
    ranked, close, findings = rank(bench, trials)
    reference = _certified_accuracy(bench, baseline)
    failures: list[Failure] = []
    refused: set[str] = set()
    seen: set[str] = set()  # now: what was looked at for another goal may still be chosen for this one
    while guard.certifiable(len(reference.scores), limit):
        trial = following(bench, [one for one in trials if one.id not in refused], ranked, close, seen | refused)
        if trial is None:
            break
        again, notes = time_again(bench, baseline, trial)
        findings += notes
        if again is None and not bench.untimed:
            refused.add(trial.id)
            continue
        quality, said = traded(bench, baseline, trial)
        findings += said
        if quality and loses(quality):
            refused.add(trial.id)
            continue
        bench.watch(Step(stage="certify", what=trial.id, done=len(seen | refused), total=len(ranked)))
        try:
            accuracy = _certified_accuracy(bench, trial)
        except StepFailed as error:
            failures.append(_broken(trial, error))
            refused.add(trial.id)
            continue
        seen.add(trial.id)
        certificate = _certificate(bench, trial, reference, accuracy, _looks(bench, reference))
        if certificate.status == "pass":
            return Choice(
                certificate=certificate, retimed=again, quality=quality, findings=findings, failures=tuple(failures)
            )
    ledger = (*_looks(bench, reference), Access(trial=baseline.id, status="pass"))
    certificate = _certificate(bench, baseline, reference, reference, ledger)
    return Choice(certificate=certificate, retimed=None, quality=None, findings=findings, failures=tuple(failures))


# ── certified ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _certified_accuracy(bench: Workbench, trial: Trial) -> Accuracy:
    return bench.run.once(
        f"{_LOOK}{trial.id}{_AT}",
        Accuracy,
        lambda: accuracy_of(bench, trial.id, bench.entry(trial), "certification"),
    )


def _looks(bench: Workbench, reference: Accuracy) -> tuple[Access, ...]:
    """Every look at a candidate that the journal holds, in the order in which they were made."""
    limit, found = bench.request.target.budget.max_drop, []
    for key in bench.run.keys:
        if key.startswith(_LOOK) and key.endswith(_AT):
            id = key.removeprefix(_LOOK).removesuffix(_AT)
            if id != bench.baseline.id:
                verdict = guard.judge(reference, bench.run.known(key, Accuracy), limit)
                found.append(Access(trial=id, status=verdict.status))
    return tuple(found)


def _certificate(
    bench: Workbench, trial: Trial, reference: Accuracy, accuracy: Accuracy, ledger: Sequence[Access]
) -> Certificate:
    verdict = guard.judge(reference, accuracy, bench.request.target.budget.max_drop)
    labels = bench.given.labels("certification", bench.run).tolist()
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
