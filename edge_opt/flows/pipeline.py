"""The main job: from a trained model to a measured, judged and certified artifact."""

#                ┌──────────────── plan(target, history) ◀───────────────┐
#                ▼                                                       │
# path ─load─▶ Model ─optimize(Recipe)─▶ Artifact ─benchmark─▶ Measured ┐│
#                │                          └──────evaluate──▶ Accuracy ├┴▶ Trial ─pareto─▶ certify ─▶ Report ─▶ Bundle
#                └─ optimize(float32) = the baseline, by the same way ──┘

from __future__ import annotations

import time
from datetime import UTC, datetime

from edge_opt import registry
from edge_opt.flows.choose import certify, rank, time_again
from edge_opt.flows.present import findings, publish, versions
from edge_opt.flows.trials import Failures, assess, candidates_after, judge, make, measure
from edge_opt.flows.workbench import Request, open_workbench
from edge_opt.stages import pareto
from edge_opt.types import Report, Trial, Watch


def optimize(request: Request, *, device: registry.Device, executor: registry.Executor, watch: Watch) -> Report:
    """The report of every recipe tried on one target; artifacts, report and bundle are then in the run folder.

    Raises InputError for a model, data set or target that cannot be used, RunError for the folder, and StepFailed where
    not even the baseline could be made.
    """
    clock, started = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    bench = open_workbench(request, device=device, executor=executor, watch=watch)

    trials: tuple[Trial, ...] = ()
    failures: Failures = ()
    while candidates := candidates_after(bench, trials, failures):
        artifacts, unmade = make(bench, candidates)
        accuracies, unanswering = assess(bench, candidates, artifacts)
        timings, untimed = measure(bench, candidates, artifacts, accuracies, trials)
        trials += judge(bench, candidates, artifacts, accuracies, timings, trials)
        failures += (*unmade, *unanswering, *untimed)

    baseline = trials[0]
    certificate = certify(bench, rank(bench, trials), baseline)
    best = next(trial for trial in trials if trial.id == certificate.trial)
    retimed = time_again(bench, baseline, best)

    report = Report(
        model=bench.given.model,
        original=bench.given.original,
        data=bench.given.summary,
        preprocessing=bench.given.contract,
        target=request.target,
        threads=request.threads,
        goal=request.goal,
        seed=request.seed,
        baseline=baseline.id,
        trials=trials,
        failures=failures,
        pareto=pareto.front(trials, request.target.budget),
        best=best.id,
        certificate=certificate,
        retimed=retimed,
        findings=findings(bench, trials, best),
        versions=versions(trials),
        command=request.command,
        started=started,
        seconds=time.monotonic() - clock,
    )
    publish(bench, report)
    return report
