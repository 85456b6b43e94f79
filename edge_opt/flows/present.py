"""What a finished run leaves in its folder: ``report.json``, ``report.md`` and the ``bundle/`` to deploy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_opt.errors import DeviceBusy, EdgeOptError, StepFailed
from edge_opt.flows import answering
from edge_opt.flows.workbench import Workbench, installed
from edge_opt.results.export import python
from edge_opt.results.report import render, write
from edge_opt.stages import board_state, guard, noise, pareto, plan
from edge_opt.stages import profile as profiling
from edge_opt.stages.evaluate import evaluate
from edge_opt.types import Budget, Certificate, Finding, Measured, OperatorProfile, Report, Trial

_GOLDEN = 10


def findings(bench: Workbench, trials: Sequence[Trial], certificate: Certificate) -> tuple[Finding, ...]:
    """Everything the reader of the report should know that is not the verdict of one trial."""
    certified = certificate.status == "pass" and certificate.trial != bench.baseline.id
    few = None if certified else guard.enough(certificate.verdict.samples, certificate.verdict.limit)
    return (
        *bench.given.findings(bench.run),
        *plan.absent(bench.request.target),
        *((few,) if few else ()),
        *answering.findings(trials),
        *_limits(trials, certificate, bench.request.target.budget),
        *noise.check(trials, bench.baseline.id),
        *board_state.check(trials),
    )


def audit(bench: Workbench, trials: Sequence[Trial], best: str) -> tuple[OperatorProfile | None, tuple[Finding, ...]]:
    """What the best was executed as on its target, and what stands out; nothing where the target is not at hand.

    A profile that fails is a finding: everything else is known by then.
    """
    if bench.untimed:
        return None, ()
    trial = next(one for one in trials if one.id == best)
    try:
        seen = bench.run.once(f"profile of {best}", OperatorProfile | Finding, lambda: _profiled(bench, trial))
    except DeviceBusy as error:  # not for the journal: the next time it may be free
        seen = _unprofiled(trial, error)
    if isinstance(seen, Finding):
        return None, (seen,)
    return seen, tuple(replace(one, message=f"{trial.id}: {one.message}") for one in profiling.findings(seen))


def _profiled(bench: Workbench, trial: Trial) -> OperatorProfile | Finding:
    try:
        return profiling.profile(bench.entry(trial), bench.given.selection, bench.device, bench.request.threads)
    except StepFailed as error:
        return _unprofiled(trial, error)


def _unprofiled(trial: Trial, error: EdgeOptError) -> Finding:
    return Finding(
        code="EO406",
        level="info",
        message=f"what '{trial.id}' is executed as is not known: {error.message}",
        hint="'edge-opt inspect' asks again, and lists the operators of any artifact",
    )


def _limits(trials: Sequence[Trial], certificate: Certificate, budget: Budget) -> tuple[Finding, ...]:
    """Which limit is broken by what is handed over, or may be, and why nothing better is."""
    best = next(trial for trial in trials if trial.id == certificate.trial)
    over = pareto.over_budget(best, budget)
    if not over:
        return ()
    certain = any(finding.level == "error" for finding in over)
    able = [one.id for one in trials if pareto.eligible(one, budget) and not pareto.over_budget(one, budget)]
    if able:
        why = f"{', '.join(able)} would keep every limit, but did not pass the second timing and the certificate"
        hint = "read in the ledger and the findings why they did not: more labelled samples may settle it"
    elif certain:
        why, hint = "nothing that was tried keeps every limit", "widen a limit, or start from a smaller model"
    else:
        why = "nothing that was tried is shown to keep every limit"
        hint = "measure on the target itself, on a quiet machine and with more --rounds"
    message = f"'{best.id}' is handed over all the same: {'; '.join(one.message for one in over)}; {why}"
    return (Finding(code="EO210", level="error" if certain else "warning", message=message, hint=hint),)


def versions(trials: Sequence[Trial]) -> dict[str, str]:
    """The packages that made and ran the artifacts, as installed here, and the runtimes as they name themselves."""
    timed = [trial.measured for trial in trials if isinstance(trial.measured, Measured)]
    return installed() | {f"runtime {one.runtime}": one.runtime_version for one in timed}


def publish(bench: Workbench, report: Report) -> None:
    """Write the bundle with ten inputs and what the artifact answered to them here, and the report.

    ``report.json`` comes last: by that file a run is known to be finished.
    """
    best = next(trial for trial in report.trials if trial.id == report.best)
    inputs = np.load(bench.given.selection, mmap_mode="r")[:_GOLDEN]
    golden = bench.run.scratch("golden.npy")
    np.save(golden, inputs)
    outputs = evaluate(bench.entry(best), golden, bench.run.scratch("golden-outputs.npy"), bench.device)
    python.export(bench.run.folder, report, bench.run.folder / "bundle", golden_inputs=inputs, golden_outputs=outputs)
    write(report, bench.run.folder)
    bench.run.write("report.json", render(report, "json"))
    bench.run.close()
