"""What the user asked for, and what every arrow of the pipeline works with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from edge_opt import registry
from edge_opt.errors import RunError
from edge_opt.flows.prepare import Prepared, frontend_of, prepare
from edge_opt.inputs import recipes, targets
from edge_opt.stages import plan
from edge_opt.stages.benchmark import Protocol
from edge_opt.store import Run
from edge_opt.types import Candidate, Entry, Recipe, Target, Trial, Watch

Goal = Literal["latency", "size", "balanced"]


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
    seed: int = 0
    protocol: Protocol = field(default_factory=Protocol)
    allow_code: bool = False
    resume: bool = False
    overwrite: bool = False
    command: str = ""

    def identity(self) -> dict[str, Any]:
        """What a run must share with this request to be resumed by it."""
        return {
            "model": str(self.model),
            "data": str(self.data),
            "target": self.target,
            "recipes": self.recipes,
            "threads": self.threads,
            "seed": self.seed,
            "protocol": self.protocol,
        }


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """The request, what was prepared for it, where finished work is kept, and where work is done."""

    request: Request
    given: Prepared
    run: Run
    device: registry.Device
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
    frontend_of(request.model)  # before there is a folder: the commonest mistake is a mistyped path
    run = Run.start(request.output, request.identity(), resume=request.resume, overwrite=request.overwrite)
    isa = device.run({"protocol": 1, "mode": "environment"})["environment"]["isa"]
    baseline = plan.baseline(request.target, isa)
    given = prepare(
        request.model, request.data, run, executor, seed=request.seed, allow_code=request.allow_code, watch=watch
    )
    contents = {"model": given.model.sha256, "data": given.summary.sha256}
    for name, sha256 in run.once("contents", dict[str, str], lambda: contents).items():
        if contents[name] != sha256:
            raise RunError(
                f"the {name} has changed since '{request.output}' was begun", "give another -o for a new run"
            )
    return Workbench(
        request=request,
        given=given,
        run=run,
        device=device,
        executor=executor,
        watch=watch,
        isa=isa,
        untimed=targets.mismatch(request.target, isa),
        baseline=baseline,
    )
