"""A bundle on the machine where it is deployed → whether what it promises holds here: files, answers, latency, memory.

Needs the runtime of the artifact, numpy and click. The promises are those of ``bundle.json`` (docs/bundle.md).
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edge_opt import registry, stats, units
from edge_opt.errors import RunError, StepFailed
from edge_opt.flows import promises
from edge_opt.flows.given import temporary
from edge_opt.flows.promises import Check, Promise
from edge_opt.stages.benchmark import Protocol, benchmark
from edge_opt.stages.evaluate import evaluate
from edge_opt.store import Run
from edge_opt.types import Entry, Environment, Measured, Step, Watch


@dataclass(frozen=True, kw_only=True)
class Verified:
    """Every promise of a bundle, and how it was measured here; ``status`` is the worst of them."""

    bundle: Path
    status: Literal["kept", "broken", "unclear"]
    checks: tuple[Check, ...]
    measured: Measured | None


def verify(
    folder: Path,
    *,
    strict: bool,
    slack: float,
    rounds: int,
    device: registry.Device,
    watch: Watch,
) -> Verified:
    """What holds of the bundle in ``folder``, here and now.

    Times and memory may be more than promised by the share ``slack``. On another processor than the one they were
    measured on they are only noted, unless ``strict``. Raises RunError where the folder is no bundle, MissingPackage
    where its runtime is not installed.
    """
    promise = promises.read(folder)
    watch(Step(stage="verify", what="files", done=0, total=3))
    files = promises.files(promise)
    if files.status == "broken":
        unlooked = "not looked at, because files have changed"
        rest = (Check(name=name, status="unclear", message=unlooked) for name in ("answers", "latency", "memory"))
        return _verified(folder, (files, *rest), None)
    entry = Entry(path=promise.model, runtime=promise.runtime, options=promise.options)
    with temporary() as run:
        watch(Step(stage="verify", what="answers", done=1, total=3))
        answers, inputs = _answers(promise, entry, run, device)
        if answers.status == "broken" and inputs is None:
            return _verified(folder, (files, answers), None)
        watch(Step(stage="verify", what="latency", done=2, total=3))
        measured, why = benchmark(
            {"the model": entry},
            inputs,
            device,
            run,
            wave=0,
            threads=promise.threads,
            seed=0,
            protocol=Protocol(rounds=rounds),
            tell=lambda what, done, total: watch(Step(stage="benchmark", what=what, done=done, total=total)),
        )
    if why:
        broken = promises.broken("latency", "EO511", f"the model cannot be run here: {why['the model']}", _RUNS)
        return _verified(folder, (files, answers, broken), None)
    found = measured["the model"]
    return _verified(folder, (files, answers, *_as_promised(promise, found, slack, strict)), found)


# what numpy and zipfile raise of a file that is no archive of arrays, or was cut or changed
_DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error)
_RUNS = "install the versions in requirements.txt; if they are, this processor needs another artifact"


def _verified(folder: Path, checks: tuple[Check, ...], measured: Measured | None) -> Verified:
    seen = {one.status for one in checks}
    status: Literal["kept", "broken", "unclear"] = (
        "broken" if "broken" in seen else "unclear" if "unclear" in seen else "kept"
    )
    return Verified(bundle=folder, status=status, checks=checks, measured=measured)


def _answers(promise: Promise, entry: Entry, run: Run, device: registry.Device) -> tuple[Check, Path | None]:
    """Whether the golden inputs get the answers that they got where the model was measured; and those inputs."""
    if promise.golden is None:
        return Check(name="answers", status="noted", message="the bundle has no golden inputs"), None
    try:
        with np.load(promise.golden, allow_pickle=False) as golden:
            inputs, wanted = golden["inputs"], golden["outputs"]
    except _DAMAGED as error:
        raise RunError(f"'{promise.golden}' holds no golden inputs: {error}", "export the bundle again") from error
    path = run.scratch("golden.npy")
    np.save(path, inputs)
    try:
        found = evaluate(entry, path, run.scratch("answers.npy"), device)
    except StepFailed as error:
        return promises.broken("answers", "EO511", f"the model cannot be run here: {error.message}", _RUNS), None
    return promises.same_answers(found, wanted, promise.tolerance), path


def _as_promised(promise: Promise, now: Measured, slack: float, strict: bool) -> list[Check]:
    """The promises about time and memory, and those about what they were measured with."""
    timing = promise.timing
    if timing["kind"] != "measured":
        why = timing["reason"]
        return [Check(name="latency", status="noted", message=f"nothing was promised, since it was not timed: {why}")]
    checks = []
    elsewhere = timing["cpu"] != now.environment.cpu
    if elsewhere:
        checks.append(promises.elsewhere(timing["cpu"], now.environment.cpu, strict))
    if timing["runtime_version"] != now.runtime_version:
        checks.append(promises.another_version(timing["runtime_version"], now.runtime_version))
    lenient = elsewhere and not strict
    load = _load(now.environment)
    medians = [stats.median(one.samples_ns) for one in now.rounds]
    checks.append(promises.latency(stats.median_interval(medians), timing["median_ns"], slack, lenient, load))
    limit = promise.budget.get("max_latency_ns")
    if limit is not None:
        tails = [stats.quantile(one.samples_ns, 0.9) for one in now.rounds]
        checks.append(promises.latency_limit(stats.median_interval(tails), limit, lenient, load))
    checks.append(promises.memory(now.memory_bytes, timing["memory_bytes"], slack, lenient))
    most = promise.budget.get("max_memory_bytes")
    if most is not None:
        checks.append(promises.memory_limit(now.memory_bytes, most, lenient))
    return checks


def _load(environment: Environment) -> str:
    """What kept the machine busy while it was measured; "" where nothing did."""
    average, cores = environment.load_average, environment.cores
    return f"the load average was {units.format_spread(average)} on {cores} cores" if average > cores else ""


def summary(found: Verified) -> Mapping[str, Any]:
    """The facts of a head line: what was run, by what, and on what."""
    if found.measured is None:
        return {}
    environment = found.measured.environment
    return {
        "runtime": found.measured.runtime_version,
        "threads": units.format_count(found.measured.threads),
        "cpu": environment.cpu,
        "rounds": units.format_count(len(found.measured.rounds)),
    }
