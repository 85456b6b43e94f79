"""The winner against the baseline, timed again and afresh, before it is believed."""

from __future__ import annotations

from dataclasses import replace

from edge_opt.flows.ranking import order
from edge_opt.flows.together import timed_together
from edge_opt.flows.workbench import Workbench
from edge_opt.results.report import words
from edge_opt.types import Finding, Measured, Retimed, Step, Trial


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
    if order(bench, (baseline, afresh))[0] is afresh:
        return again, findings
    found = Finding(
        code="EO307",
        level="warning",
        message=f"'{trial.id}' is not handed over: timed again, it is no longer better than the baseline, "
        f"{words.faster(again.speed_up)}",
        hint="its lead was within the noise: measure on a quiet machine, with more --rounds",
    )
    return None, (*findings, found)
