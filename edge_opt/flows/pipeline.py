"""The main job: from a trained model to a measured, judged and certified artifact."""

#                ┌───────────────── plan(target, history) ◀─────────────────────┐
#                ▼                                                              │
# path ─load─▶ Model ─reshape─▶ Net ─optimize─▶ Artifact ─benchmark─▶ Measured ┐│
#                │                                 └────evaluate────▶ Accuracy ├┴▶ Trial ─▶ choose ─▶ diagnose ─▶ Report
#                └─ float32 of the model itself = the baseline, the same way ───┘

from __future__ import annotations

from datetime import UTC, datetime

from edge_opt import registry
from edge_opt.errors import DeviceLost
from edge_opt.flows import lesson
from edge_opt.flows import reshape as reshaped
from edge_opt.flows.choose import choose
from edge_opt.flows.diagnosis.of_run import diagnosed
from edge_opt.flows.overflow import refuse
from edge_opt.flows.pace import Pace
from edge_opt.flows.planning import next_wave
from edge_opt.flows.present import audit, findings, publish, versions
from edge_opt.flows.reshape import reshape
from edge_opt.flows.trials import Failures, assess, judge, make, measure
from edge_opt.flows.workbench import Request, Workbench, open_workbench
from edge_opt.stages import pareto
from edge_opt.types import Report, Trial, Watch


def optimize(request: Request, *, device: registry.Device, executor: registry.Executor, watch: Watch) -> Report:
    """The report of every recipe tried on one target; artifacts, report and bundle are then in the run folder.

    Raises InputError for a model, data set or target that cannot be used, RunError for the folder, and StepFailed where
    not even the baseline could be made.
    """
    pace, started = Pace(watch), datetime.now(UTC).isoformat(timespec="seconds")
    bench = open_workbench(request, device=device, executor=executor, watch=pace)
    with bench.run:
        lesson.require(bench)
        try:
            return _report(bench, pace, started)
        except DeviceLost as error:
            raise DeviceLost(error.message, f"{error.hint}, with --resume: nothing finished is lost") from error


def _report(bench: Workbench, pace: Pace, started: str) -> Report:
    """Every candidate tried, the best one chosen, and all of it written to the run folder."""
    request = bench.request
    begun = bench.run.once("started", str, lambda: started)
    earlier_s = bench.run.known("seconds", float, 0.0)  # of the sessions before this one
    trials: tuple[Trial, ...] = ()
    failures: Failures = ()
    while (wave := next_wave(bench, trials, failures, pace)).candidates:
        starts, unshaped = reshape(bench, wave.candidates, wave.training_s)
        artifacts, unmade = make(bench, wave.candidates, starts)
        artifacts, refused = refuse(bench, wave.candidates, artifacts)
        accuracies, unanswering = assess(bench, wave.candidates, artifacts)
        timings, untimed = measure(bench, wave.candidates, artifacts, accuracies, trials, failures)
        trials += judge(bench, wave.candidates, artifacts, accuracies, timings, trials)
        failures += (*unshaped, *unmade, *refused, *unanswering, *untimed)
        bench.run.append("seconds", earlier_s + pace.elapsed_s)

    smaller = reshaped.nets(bench)
    choice = choose(bench, trials)
    profile, audited = audit(bench, trials, choice.certificate.trial)
    looked = diagnosed(bench, trials, choice, pace)

    report = Report(
        model=bench.given.model,
        original=bench.given.original,
        data=bench.given.summary,
        preprocessing=bench.given.contract,
        target=request.target,
        threads=request.threads,
        goal=request.goal,
        seed=request.seed,
        baseline=bench.baseline.id,
        trials=trials,
        failures=(*failures, *choice.failures),
        pareto=pareto.front(trials, request.target.budget),
        best=choice.certificate.trial,
        certificate=looked.certificate,
        retimed=choice.retimed,
        findings=(
            *findings(bench, trials, choice.certificate),
            *reshaped.findings(bench, smaller),
            *wave.findings,
            *choice.findings,
            *audited,
            *looked.findings,
        ),
        versions=versions(trials),
        command=request.command,
        started=begun,
        seconds=earlier_s + pace.elapsed_s,
        effort=request.effort,
        skipped=wave.skipped,
        nets=smaller,
        profile=profile,
        diagnosis=looked.diagnosis,
        after=looked.after,
        quality=choice.quality,
    )
    publish(bench, report)
    return report
