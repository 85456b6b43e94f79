"""What a finished run leaves in its folder: ``report.json``, ``report.md`` and the ``bundle/`` to deploy."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from edge_opt.flows.workbench import Workbench
from edge_opt.results.export import python
from edge_opt.results.report import render, write
from edge_opt.stages import noise, pareto, plan
from edge_opt.stages.evaluate import evaluate
from edge_opt.types import Finding, Measured, Report, Trial

_PARITY = 1e-4  # float32 in another format differs by the order of its additions, not by more
_GOLDEN = 10
_PACKAGES = (
    "edge-opt",
    "tensorflow",
    "keras",
    "ai-edge-litert",
    "onnx",
    "onnxruntime",
    "openvino",
    "nncf",
    "tf2onnx",
    "numpy",
    "pillow",
)


def findings(bench: Workbench, trials: Sequence[Trial], best: Trial) -> tuple[Finding, ...]:
    """Everything the reader of the report should know that is not the verdict of one trial."""
    return (
        *bench.given.findings,
        *plan.absent(bench.request.target),
        *(one for trial in trials for one in _parity(trial)),
        *_limits(bench, best),
        *noise.check(trials, bench.baseline.id),
    )


def _parity(trial: Trial) -> tuple[Finding, ...]:
    """Whether a float32 artifact answers what the framework answers."""
    difference = trial.accuracy.max_abs_difference
    if trial.recipe.name != "float32" or trial.options or difference is None or difference <= _PARITY:
        return ()
    message = f"'{trial.id}' differs from the framework's own outputs by {difference:.2g}, more than {_PARITY:.0e}"
    return (
        Finding(
            code="EO401", level="error", message=message, hint="do not deploy it: the conversion changed the model"
        ),
    )


def _limits(bench: Workbench, best: Trial) -> tuple[Finding, ...]:
    """Whether what is handed over breaks a limit: then nothing that was tried keeps them all."""
    if not pareto.over_budget(best, bench.request.target.budget):
        return ()
    message = f"nothing that was tried keeps every limit; '{best.id}' is handed over all the same"
    return (Finding(code="EO210", level="error", message=message, hint="widen a limit, or start from a smaller model"),)


def versions(trials: Sequence[Trial]) -> dict[str, str]:
    """The packages that made and ran the artifacts, as installed here, and the runtimes as they name themselves."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    timed = [trial.measured for trial in trials if isinstance(trial.measured, Measured)]
    return found | {f"runtime {one.runtime}": one.runtime_version for one in timed}


def publish(bench: Workbench, report: Report) -> None:
    """Write the report, then the bundle with ten inputs and what the artifact answered to them here."""
    bench.run.write("report.json", render(report, "json"))
    write(report, bench.run.folder)
    best = next(trial for trial in report.trials if trial.id == report.best)
    inputs = np.load(bench.given.selection, mmap_mode="r")[:_GOLDEN]
    golden = bench.run.scratch("golden.npy")
    np.save(golden, inputs)
    outputs = evaluate(bench.entry(best), golden, bench.run.scratch("golden-outputs.npy"), bench.device)
    python.export(bench.run.folder, report, bench.run.folder / "bundle", golden_inputs=inputs, golden_outputs=outputs)
    bench.run.close()
