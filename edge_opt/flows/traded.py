"""What an artifact would trade away besides accuracy: its robustness and calibration against the baseline's."""

from __future__ import annotations

from edge_opt.errors import StepFailed
from edge_opt.flows.answering import answering
from edge_opt.flows.diagnosis.robustness import asking_artifact, robustness_of
from edge_opt.flows.diagnosis.subject import left_out
from edge_opt.flows.workbench import Workbench
from edge_opt.stages import quality
from edge_opt.stages.plan import cost
from edge_opt.types import Finding, Measured, Preprocessing, Quality, Robustness, Trial


def traded(bench: Workbench, baseline: Trial, trial: Trial) -> tuple[Quality | None, tuple[Finding, ...]]:
    """How robust and how well calibrated ``trial`` is against the baseline, on the selection split, and what to say.

    None where that cannot be measured: arrays that are no pictures, data without labels, no time.
    """
    try:
        before, after = robustness(bench, baseline, baseline), robustness(bench, baseline, trial)
    except StepFailed as error:  # of a process that broke: the clean answers of both are known, and are judged
        return None, (left_out(f"the robustness of '{trial.id}'", error.message, error.hint),)
    if before is None or after is None:
        return None, ()
    limit = bench.request.target.budget.max_drop
    found: Quality = bench.run.once(
        f"quality of {trial.id} at {limit}", Quality, lambda: quality.compare(trial.id, before, after, limit)
    )
    return found, quality.findings(found)


def loses(found: Quality) -> bool:
    """Whether more is certainly lost than may be."""
    return "fail" in (found.robustness.status, found.calibration.status)


def robustness(bench: Workbench, baseline: Trial, trial: Trial) -> Robustness | None:
    """How an artifact answers the disturbed pictures of the selection split, as many of them as there is time for."""
    given, request = bench.given, bench.request
    if not given.summary.labelled or not isinstance(given.contract, Preprocessing):
        return None
    most = _affordable(bench, baseline)
    if most == 0:
        return None
    samples, entry = given.splits.selection, bench.entry(trial)
    return robustness_of(
        trial.id,
        asking_artifact(entry, answering(bench, trial.id, entry), bench.run, request.jobs),
        given.contract,
        samples,
        samples.labels,
        given.summary.classes,
        "selection",
        bench.run,
        trial.artifact.sha256[:12],
        seed=request.seed,
        most=most,
        watch=bench.watch,
    )


def _affordable(bench: Workbench, baseline: Trial) -> int:
    """How many samples of the selection are disturbed in the time that there is for it; 0 where that is too few."""
    request, timed = bench.request, baseline.measured
    scale = cost.Scale(
        model=bench.given.model,
        selection=len(bench.given.splits.selection),
        certification=0,
        rounds=0,
        float_ns=timed.median_ns if isinstance(timed, Measured) else None,
    )
    return bench.run.once(
        "samples to disturb", int, lambda: cost.disturbed(scale, request.effort, request.time_limit_s)
    )
