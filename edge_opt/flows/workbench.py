"""What the user asked for, and what every arrow of the pipeline works with."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edge_opt import registry
from edge_opt.errors import RunError
from edge_opt.flows.given import environment_of
from edge_opt.flows.prepare import Prepared, frontend_of, prepare
from edge_opt.inputs import recipes, targets
from edge_opt.stages import plan
from edge_opt.stages.benchmark import Protocol
from edge_opt.stages.optimize import Start
from edge_opt.store import Cache, Run, dump
from edge_opt.types import (
    Budget,
    Candidate,
    Effort,
    Entry,
    Environment,
    Goal,
    Recipe,
    Source,
    SourceKind,
    Target,
    Trial,
    Watch,
)

PACKAGES = (
    "edge-opt",
    "tensorflow",
    "keras",
    "tf-keras",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "onnx",
    "onnxruntime",
    "openvino",
    "nncf",
    "tf2onnx",
    "numpy",
    "pillow",
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for; the baseline is made whether or not ``recipes`` name it."""

    model: Path
    data: Path
    output: Path
    target: Target
    recipes: tuple[Recipe, ...] = recipes.RECIPES
    threads: int = 1
    goal: Goal = "balanced"
    as_asked: bool = True  # the recipes are tried as they are; else the effort chooses among them, prunes and answers
    effort: Effort = "standard"
    time_limit_s: float | None = None
    jobs: int = 1  # conversions and evaluations side by side
    cache: Path | None = None  # where artifacts are shared with other runs
    diagnose: bool = True  # whether the report says what limits the model
    history: Path | None = None  # of the training; without one, that beside the model
    seed: int = 0
    protocol: Protocol = field(default_factory=Protocol)
    allow_code: bool = False
    resume: bool = False
    overwrite: bool = False
    command: str = ""

    def identity(self) -> dict[str, Any]:
        """What a run must share with this request to be resumed by it, by the option that says it.

        Its files are compared by their contents.
        """
        budget = self.target.budget
        return {
            "--target": replace(self.target, budget=Budget(), address=""),
            "--max-drop": budget.max_drop,
            "--max-latency": budget.max_latency_ns,
            "--max-size": budget.max_size_bytes,
            "--max-memory": budget.max_memory_bytes,
            "--recipe": self.recipes,
            "--threads": self.threads,
            "--seed": self.seed,
            "--rounds (where it is not given, --effort sets it)": self.protocol,
        }


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """The request, what was prepared for it, where finished work is kept, and where work is done."""

    request: Request
    given: Prepared
    start: Start
    run: Run
    device: registry.Device
    host: registry.Device | None  # this machine, where the device is another one
    executor: registry.Executor
    watch: Watch
    isa: Sequence[str]  # of the device
    untimed: str  # why nothing can be timed on this device for the target; "" where it can
    baseline: Candidate

    def entry(self, trial: Trial) -> Entry:
        """What the worker runs for ``trial``."""
        return Entry(path=self.run.folder / trial.artifact.path, runtime=trial.runtime, options=trial.options)


def open_workbench(
    request: Request, *, device: registry.Device, executor: registry.Executor, watch: Watch
) -> Workbench:
    """Everything ready for the first candidate. Raises InputError and RunError for what cannot be used."""
    source = frontend_of(request.model).source  # before there is a folder: the commonest mistake is a mistyped path
    run = Run.start(request.output, request.identity(), resume=request.resume, overwrite=request.overwrite)
    try:
        return _prepared(request, source, run, device, executor, watch)
    except BaseException:
        run.release()  # also where the caller keeps the traceback
        raise


def _prepared(
    request: Request,
    source: SourceKind,
    run: Run,
    device: registry.Device,
    executor: registry.Executor,
    watch: Watch,
) -> Workbench:
    machine = environment_of(device)
    baseline = plan.baseline(request.target, machine.isa, source)
    given = prepare(
        request.model, request.data, run, executor, seed=request.seed, allow_code=request.allow_code, watch=watch
    )
    _check(run, _contents(given, machine, request.allow_code))
    return Workbench(
        request=request,
        given=given,
        start=Start(
            model=given.model,
            source=given.source,
            calibration=given.calibration,
            origin=origin(given.source, request.allow_code),
            cache=Cache(request.cache, watch) if request.cache else None,
        ),
        run=run,
        device=device,
        host=registry.load("devices", "local")() if request.target.address else None,
        executor=executor,
        watch=watch,
        isa=machine.isa,
        untimed=targets.mismatch(request.target, machine) or _timeless(request.target, device),
        baseline=baseline,
    )


def _timeless(target: Target, device: registry.Device) -> str:
    """Why the device measures no latency, in a sentence; "" where it does."""
    modes = getattr(device, "MODES", ("time",))
    return "" if "time" in modes else f"the device of '{target.name}' is emulated, so that no time on it is a latency"


def installed() -> dict[str, str]:
    """The versions of the packages that make and run artifacts, as far as they are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def origin(source: Source, allow_code: bool) -> dict[str, str]:
    """What decides, besides model, recipe and data, which bytes a conversion writes."""
    fixed = {"python": platform.python_version(), "machine": platform.machine()}
    return {**installed(), **fixed, **_own_code(source, allow_code)}


def _own_code(source: Source, allow_code: bool) -> dict[str, str]:
    """The hash of the float graph where layers of the user's own may be in it: the model's file holds no code of them.

    The same graph is written as the same bytes, except for the fingerprint, which TensorFlow draws at random.
    """
    if not allow_code:
        return {}
    paths = sorted(source.path.rglob("*")) if source.path.is_dir() else [source.path]
    whole = hashlib.sha256()
    for path in paths:
        if path.is_file() and path.name != "fingerprint.pb":
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
    return {"code of the model's own layers": whole.hexdigest()}


def _contents(given: Prepared, machine: Environment, allow_code: bool) -> dict[str, str]:
    """Everything that finished work rests on and that its request does not say, by the words for it."""
    return {
        "model": given.model.sha256,
        **_own_code(given.source, allow_code),
        "data": given.summary.sha256,
        "preprocessing contract": json.dumps(dump(given.contract)),
        "processor": machine.cpu,
        "instruction set of the processor": " ".join(sorted(machine.isa)),
        **{f"version of {package}": number for package, number in installed().items()},
    }


def _check(run: Run, contents: Mapping[str, str]) -> None:
    """Raises RunError where what was finished in ``run`` rests on something else than ``contents``.

    A package that was missing is no such thing: what needed it was not finished. From now on it counts.
    """
    before = run.once("contents", dict[str, str], lambda: dict(contents))
    changed = [name for name in before if before[name] != contents.get(name)]
    if changed:
        raise RunError(
            f"the {', the '.join(changed)} changed since '{run.folder}' was begun",
            "bring that back, or give another -o for a new run",
        )
    if set(contents) - set(before):
        run.append("contents", dict(contents))
