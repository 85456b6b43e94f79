"""The words of the command line as functions: plain values in, nouns out. The command line calls these too."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from edge_opt import registry, units
from edge_opt.errors import UnknownName
from edge_opt.flows import artifacts, initialize, pipeline
from edge_opt.flows.artifacts import Benched, Converted, Evaluated
from edge_opt.flows.initialize import Initialized
from edge_opt.flows.workbench import Goal, Request
from edge_opt.inputs import recipes as recipe_table
from edge_opt.inputs import targets
from edge_opt.stages.benchmark import Protocol
from edge_opt.store import parse, read_json
from edge_opt.types import Budget, Finding, Outline, Recipe, Report, Step, Target, Watch

_STEP_TIMEOUT_S = 1800.0
_WORKERS = 2  # a conversion keeps about one core busy, and TensorFlow takes a gigabyte


def _silent(_: Outline | Step | Finding) -> None:
    """Watch nothing."""


def optimize(
    model: str | Path,
    data: str | Path,
    *,
    target: str = "host",
    recipes: Sequence[str] = (),
    output: str | Path = "runs/optimize",
    threads: int = 0,
    goal: Goal = "balanced",
    max_drop: str = "",
    max_latency: str = "",
    max_size: str = "",
    max_memory: str = "",
    rounds: int = 10,
    seed: int = 0,
    allow_code: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    command: str = "",
    watch: Watch = _silent,
) -> Report:
    """The report of ``recipes`` (by default all), tried on ``target``; limits carry units: ``"1pp"``, ``"40ms"``.

    ``threads=0`` takes the target's first choice. The run folder ``output`` holds the artifacts, the report and the
    bundle. Raises EdgeOptError.
    """
    profile = _budgeted(targets.load(target), max_drop, max_latency, max_size, max_memory)
    request = Request(
        model=Path(model),
        data=Path(data),
        output=Path(output),
        target=profile,
        recipes=_recipes(recipes),
        threads=threads or profile.threads[0],
        goal=goal,
        seed=seed,
        protocol=Protocol(rounds=rounds),
        allow_code=allow_code,
        resume=resume,
        overwrite=overwrite,
        command=command,
    )
    with closing(executor()) as workers:
        return pipeline.optimize(request, device=device(profile), executor=workers, watch=watch)


def convert(
    model: str | Path,
    *,
    to: Sequence[str] = (),
    recipes: Sequence[str] = ("float32",),
    data: str | Path | None = None,
    output: str | Path = ".",
    target: str = "host",
    seed: int = 0,
    allow_code: bool = False,
    watch: Watch = _silent,
) -> Converted:
    """The artifacts of ``recipes`` in the formats ``to`` (all of the target's by default), written to ``output``."""
    profile = targets.load(target)
    for name in to:
        if name not in registry.names("exporters"):
            raise UnknownName.among("format", name, registry.names("exporters"))
    profile = replace(profile, formats=tuple(to) or profile.formats)
    with closing(executor()) as workers:
        return artifacts.convert(
            Path(model),
            _recipes(recipes),
            profile,
            Path(output),
            data_path=Path(data) if data else None,
            seed=seed,
            allow_code=allow_code,
            device=device(profile),
            executor=workers,
            watch=watch,
        )


def bench(
    paths: Sequence[str | Path],
    *,
    target: str = "host",
    runtime: str = "",
    threads: int = 0,
    rounds: int = 10,
    seed: int = 0,
    output: str | Path | None = None,
    watch: Watch = _silent,
) -> tuple[Benched, ...]:
    """The latency and memory of each artifact, in interleaved rounds; speed-ups refer to the first one."""
    profile = targets.load(target)
    _known_runtime(runtime)
    return artifacts.bench(
        [Path(path) for path in paths],
        profile,
        threads=threads or profile.threads[0],
        runtime=runtime,
        protocol=Protocol(rounds=rounds),
        seed=seed,
        output=Path(output) if output else None,
        device=device(profile),
        watch=watch,
    )


def evaluate(
    paths: Sequence[str | Path],
    data: str | Path,
    *,
    target: str = "host",
    runtime: str = "",
    max_drop: str = "",
    watch: Watch = _silent,
) -> tuple[tuple[Evaluated, ...], tuple[Finding, ...]]:
    """The accuracy of each artifact on the test split, paired with the first one's, and what the data set says."""
    profile = _budgeted(targets.load(target), max_drop, "", "", "")
    _known_runtime(runtime)
    return artifacts.evaluate(
        [Path(path) for path in paths],
        Path(data),
        profile,
        runtime=runtime,
        max_drop=profile.budget.max_drop,
        device=device(profile),
        watch=watch,
    )


def init(
    data: str | Path,
    model: str | Path | None = None,
    *,
    allow_code: bool = False,
    watch: Watch = _silent,
) -> Initialized:
    """The preprocessing contract, written beside ``data`` unless it is there, and the picture of ten samples."""
    with closing(executor()) as workers:
        return initialize.initialize(
            Path(data), Path(model) if model else None, allow_code=allow_code, executor=workers, watch=watch
        )


def load_report(run: str | Path) -> Report:
    """The report of the run folder ``run``. Raises RunError where there is none that this version reads."""
    path = Path(run)
    report: Report = parse(Report, read_json(path / "report.json" if path.is_dir() else path))
    return report


def device(target: Target) -> registry.Device:
    """The device that times the target's jobs."""
    found: registry.Device = registry.load("devices", target.device)()
    return found


def executor() -> registry.Executor:
    """Where conversions and other heavy work run."""
    found: registry.Executor = registry.load("executors", "process")(timeout_s=_STEP_TIMEOUT_S, workers=_WORKERS)
    return found


def _recipes(names: Sequence[str]) -> tuple[Recipe, ...]:
    return tuple(recipe_table.load(name) for name in names or recipe_table.names())


def _known_runtime(name: str) -> None:
    if name and name not in registry.names("runtimes"):
        raise UnknownName.among("runtime", name, registry.names("runtimes"))


def _budgeted(target: Target, max_drop: str, max_latency: str, max_size: str, max_memory: str) -> Target:
    """``target`` with the limits that were given in place of its own."""
    budget: Budget = target.budget
    if max_drop:
        budget = replace(budget, max_drop=units.parse_fraction(max_drop))
    if max_latency:
        budget = replace(budget, max_latency_ns=units.parse_duration_ns(max_latency))
    if max_size:
        budget = replace(budget, max_size_bytes=units.parse_bytes(max_size))
    if max_memory:
        budget = replace(budget, max_memory_bytes=units.parse_bytes(max_memory))
    return replace(target, budget=budget)
