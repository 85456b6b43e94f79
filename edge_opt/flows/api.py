"""The words of the command line as functions: plain values in, nouns out. The command line calls these too."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import get_args

from edge_opt import registry, units
from edge_opt.errors import InputError, RunError, UnknownName
from edge_opt.flows import initialize, pipeline
from edge_opt.flows.bench import Benchmarks, time_artifacts
from edge_opt.flows.convert import Converted, make_artifacts
from edge_opt.flows.evaluate import Evaluated, score_artifacts
from edge_opt.flows.given import runtimes_of, temporary
from edge_opt.flows.initialize import Initialized
from edge_opt.flows.prepare import frontend_of
from edge_opt.flows.workbench import Request
from edge_opt.inputs import recipes as recipe_table
from edge_opt.inputs import targets
from edge_opt.stages import plan
from edge_opt.stages.benchmark import Protocol
from edge_opt.store import Run, cache_folder, parse, read_json
from edge_opt.types import SCHEMA_VERSION, Budget, Finding, Goal, Outline, Recipe, Report, Step, Target, Watch

_STEP_TIMEOUT_S = 1800.0
_MOST_JOBS = 2  # by default: a conversion keeps about one core busy, and TensorFlow takes a gigabyte


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
    jobs: int = 0,
    use_cache: bool = True,
    allow_code: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    command: str = "",
    watch: Watch = _silent,
) -> Report:
    """The report of ``recipes`` (by default all), tried on ``target``; limits carry units: ``"1pp"``, ``"40ms"``.

    ``threads=0`` takes the target's first choice, ``jobs=0`` runs two conversions or evaluations side by side where
    there are two cores. The run folder ``output`` holds the artifacts, the report and the bundle. Raises EdgeOptError.
    """
    profile = _budgeted(targets.load(target), max_drop, max_latency, max_size, max_memory)
    if goal not in get_args(Goal):
        raise UnknownName.among("goal", goal, get_args(Goal))
    chosen = _recipes(recipes)
    if recipes:  # of all recipes, those are tried that exist
        plan.check(chosen, profile, frontend_of(Path(model)).source)
    request = Request(
        model=Path(model),
        data=Path(data),
        output=Path(output),
        target=profile,
        recipes=chosen,
        threads=threads or profile.threads[0],
        goal=goal,
        seed=seed,
        protocol=Protocol(rounds=rounds),
        jobs=jobs or most_jobs(),
        cache=cache_folder(os.environ) if use_cache else None,
        allow_code=allow_code,
        resume=resume,
        overwrite=overwrite,
        command=command,
    )
    with closing(executor(request.jobs)) as workers:
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
    jobs: int = 0,
    use_cache: bool = True,
    allow_code: bool = False,
    watch: Watch = _silent,
) -> Converted:
    """The artifacts of ``recipes`` in the formats ``to`` (all of the target's by default), written to ``output``."""
    profile = targets.load(target)
    for name in to:
        if name not in registry.names("exporters"):
            raise UnknownName.among("format", name, registry.names("exporters"))
    profile = replace(profile, formats=tuple(to) or profile.formats)
    # in this order: the workers end before their folder goes
    with temporary() as run, closing(executor(jobs or most_jobs())) as workers:
        return make_artifacts(
            Path(model),
            _recipes(recipes),
            profile,
            Path(output),
            data_path=Path(data) if data else None,
            seed=seed,
            allow_code=allow_code,
            cache=cache_folder(os.environ) if use_cache else None,
            run=run,
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
) -> Benchmarks:
    """The latency and memory of each artifact, in interleaved rounds; speed-ups refer to the first one.

    ``runtime`` may name several, with commas: each artifact is then measured by all that load it. The run folder
    ``output`` keeps the raw samples.
    """
    profile = targets.load(target)
    runtimes = runtimes_of(runtime)
    with Run.start(Path(output), {"command": "bench"}) if output else temporary() as run:
        return time_artifacts(
            [Path(path) for path in paths],
            profile,
            threads=threads or profile.threads[0],
            runtimes=runtimes,
            protocol=Protocol(rounds=rounds),
            seed=seed,
            run=run,
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
    with temporary() as run:
        return score_artifacts(
            [Path(path) for path in paths],
            Path(data),
            profile,
            runtime=runtime,
            max_drop=profile.budget.max_drop,
            run=run,
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
    with temporary() as run, closing(executor()) as workers:
        return initialize.initialize(
            Path(data), Path(model) if model else None, allow_code=allow_code, run=run, executor=workers, watch=watch
        )


def load_report(run: str | Path) -> Report:
    """The report of the run folder ``run``, or of its file. Raises RunError where there is none of this version."""
    path = Path(run)
    file = path / "report.json" if path.is_dir() else path
    if (path / "jobs.jsonl").exists() and not file.exists():
        raise RunError(
            f"the run in '{path}' is not finished, so it has no report yet",
            f"wait for it to end; if it was stopped, give its command again with -o {shlex.quote(str(path))} --resume",
        )
    content = read_json(file)
    if not isinstance(content, dict) or "schema_version" not in content:
        raise RunError(f"'{file}' is no report of edge-opt", "give the folder that 'edge-opt optimize' wrote")
    if content["schema_version"] != SCHEMA_VERSION:
        raise RunError(
            f"'{file}' was written by another version of edge-opt: its format is {content['schema_version']}, "
            f"this one reads {SCHEMA_VERSION}",
            "run 'edge-opt optimize' again, or read it with the version that wrote it",
        )
    try:
        report: Report = parse(Report, content)
    except (RunError, TypeError, ValueError, AttributeError, StopIteration) as error:
        raise RunError(f"'{file}' is damaged: {error}", "run 'edge-opt optimize' again") from error
    return report


def device(target: Target) -> registry.Device:
    """The device that times the target's jobs."""
    found: registry.Device = registry.load("devices", target.device)()
    return found


def executor(jobs: int = 1) -> registry.Executor:
    """Where conversions and other heavy work run, so many at a time."""
    found: registry.Executor = registry.load("executors", "process")(timeout_s=_STEP_TIMEOUT_S, workers=jobs)
    return found


def most_jobs() -> int:
    """How many jobs run side by side where nobody says it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST_JOBS, cores)


def _recipes(names: Sequence[str]) -> tuple[Recipe, ...]:
    """The recipes of those names and files, each once. Raises InputError where two files describe different ones."""
    if isinstance(names, str):
        names = (names,)
    found: dict[str, Recipe] = {}
    for name in names or recipe_table.names():
        one = recipe_table.load(name)
        if found.setdefault(one.name, one) != one:
            raise InputError(f"two recipes have the name '{one.name}'", f"rename the one in '{name}'")
    return tuple(found.values())


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
