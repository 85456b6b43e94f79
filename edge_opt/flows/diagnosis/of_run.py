"""What limits the model that a run was given, and how what it hands over behaves beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge_opt.confidence import calibration_error
from edge_opt.errors import EdgeOptError, StepFailed
from edge_opt.flows.choose import Choice
from edge_opt.flows.diagnosis.behaviour import ORIGINAL
from edge_opt.flows.diagnosis.confusions import draw_confusions
from edge_opt.flows.diagnosis.subject import Subject, answers_of, left_out, some, structure_of
from edge_opt.flows.diagnosis.whole import data_of, history_of
from edge_opt.flows.pace import Pace
from edge_opt.flows.traded import robustness
from edge_opt.flows.workbench import Workbench
from edge_opt.stages import diagnose as diagnosing
from edge_opt.stages.observe.answers import Answers
from edge_opt.stages.observe.behaviour import of_behaviour
from edge_opt.stages.observe.training import of_training
from edge_opt.stages.plan import cost
from edge_opt.types import (
    Access,
    Behaviour,
    Certificate,
    Diagnosis,
    Finding,
    Measured,
    Robustness,
    Trial,
)

_ANSWERED = {"quick": 1_000, "standard": 5_000, "thorough": 10_000}  # of the training and of the validation split


@dataclass(frozen=True, kw_only=True)
class Looked:
    """The diagnosis of the original, the best looked at in the same way, and a ledger that says what that took."""

    certificate: Certificate
    diagnosis: Diagnosis | None = None
    after: Behaviour | None = None
    findings: tuple[Finding, ...] = ()


def diagnosed(bench: Workbench, trials: Sequence[Trial], choice: Choice, pace: Pace) -> Looked:
    """What limits the original, when all is decided: the test split serves it and what was certified, nothing else.

    Robustness is that of the baseline on the selection split, as which the original was shown to answer.
    """
    certificate, quality = choice.certificate, choice.quality
    if not bench.request.diagnose:
        return Looked(certificate=certificate)
    if late := _late(bench, pace):
        return Looked(certificate=certificate, findings=(late,))
    baseline = trials[0]
    subject = _subject(bench)
    history, notes = history_of(bench.request.model, bench.request.history)
    try:
        answers = answers_of(subject)
        structure, more = structure_of(subject)
        data, unseen = data_of(bench.given.data, subject.contract, answers, subject, bench.request.seed, bench.watch)
    except EdgeOptError as error:  # everything else is known by then
        return Looked(certificate=certificate, findings=(left_out("the original", error.message, error.hint),))
    before, unmeasured = (quality.before, ()) if quality else _robustness(bench, baseline)
    labelled = subject.data.labelled
    behaviour = _original(bench, subject, answers["test"], baseline, before) if labelled else None
    if behaviour:
        draw_confusions(behaviour, answers["test"].samples, subject.classes, bench.run.folder)
    training = of_training(history, answers if labelled else {}, subject.classes)
    best = next(one for one in trials if one.id == certificate.trial)
    after = quality.after if quality else before if best is baseline else None
    looks = (Access(trial=one, status=None, purpose="diagnosis") for one in (ORIGINAL, best.id))
    return Looked(
        certificate=replace(certificate, ledger=(*certificate.ledger, *looks)),
        diagnosis=Diagnosis(
            symptoms=diagnosing.diagnose(data, training, structure, behaviour, subject.classes),
            data=data,
            training=training,
            structure=structure,
            behaviour=behaviour,
            findings=(*notes, *more, *unseen, *unmeasured),
        ),
        after=_handed_over(bench, best, certificate, after) if labelled else None,
    )


def _robustness(bench: Workbench, baseline: Trial) -> tuple[Robustness | None, tuple[Finding, ...]]:
    """That of the baseline; a finding where its process broke, as the run is not to be lost with it."""
    try:
        return robustness(bench, baseline, baseline), ()
    except StepFailed as error:
        return None, (left_out("the robustness", error.message, error.hint),)


def _subject(bench: Workbench) -> Subject:
    """What is asked: some of the training split, the selection, and the samples that certify."""
    request, given = bench.request, bench.given
    parts = {"validation": given.splits.selection, "test": given.splits.certification}
    if given.data.train is not None and len(given.data.splits) > 1:
        parts = {"train": some(given.data.train, _ANSWERED[request.effort], request.seed), **parts}
    return Subject(
        model=given.model,
        data=given.data,
        parts=parts,
        contract=given.contract,
        classes=given.summary.classes,
        ask=given.ask,
        run=bench.run,
        executor=bench.executor,
        watch=bench.watch,
        seed=request.seed,
        allow_code=request.allow_code,
    )


def _original(
    bench: Workbench, subject: Subject, answers: Answers, baseline: Trial, robust: Robustness | None
) -> Behaviour:
    """How the original answers the samples that certify; its time is that of the baseline, as which it is run."""
    return of_behaviour(
        ORIGINAL,
        answers,
        subject.classes,
        "certification",
        latency_ns=_latency_ns(baseline),
        size_bytes=bench.given.model.size_bytes,
        robustness=robust,
    )


def _handed_over(bench: Workbench, best: Trial, certificate: Certificate, robust: Robustness | None) -> Behaviour:
    """How what is handed over answers them: by the answers that certified it."""
    accuracy = certificate.accuracy
    return Behaviour(
        model=best.id,
        accuracy=accuracy,
        labels=tuple(bench.given.labels("certification", bench.run).tolist()),
        calibration_error=calibration_error(accuracy.scores, accuracy.confidences),
        latency_ns=_latency_ns(best),
        size_bytes=best.artifact.size_bytes,
        robustness=robust,
    )


def _latency_ns(trial: Trial) -> float | None:
    return trial.measured.median_ns if isinstance(trial.measured, Measured) else None


def _late(bench: Workbench, pace: Pace) -> Finding | None:
    """That the time limit leaves none for a diagnosis."""
    limit_s, summary = bench.request.time_limit_s, bench.given.summary
    if limit_s is None:
        return None
    scale = cost.Scale(
        model=bench.given.model, selection=summary.selection, certification=summary.certification, rounds=0
    )
    if pace.elapsed_s + cost.diagnosis_s(scale) <= limit_s:
        return None
    return Finding(
        code="EO134",
        level="info",
        message="what limits the model was not looked at: the time limit leaves no time for it",
        hint="'edge-opt diagnose' does it on its own",
    )
