"""The words of the command line as functions: plain values in, nouns out. The command line calls these too."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from edge_opt import registry, units
from edge_opt.errors import UnknownName
from edge_opt.flows import initialize, pipeline, several
from edge_opt.flows.addresses import each_target, target_of
from edge_opt.flows.asked import budgeted, known, known_runtime, most_jobs, one_of_the_two, recipes_of, silent
from edge_opt.flows.asked import device as device
from edge_opt.flows.asked import executor as executor
from edge_opt.flows.asked import load_report as load_report
from edge_opt.flows.bench import Benchmarks, time_artifacts
from edge_opt.flows.convert import Converted, make_artifacts
from edge_opt.flows.diagnosis.asked import diagnose as diagnose
from edge_opt.flows.diagnosis.asked import diagnose_into as diagnose_into
from edge_opt.flows.diagnosis.asked import diagnosis_folder as diagnosis_folder
from edge_opt.flows.evaluate import Evaluated, score_artifacts
from edge_opt.flows.gate.asked import GATE_LIMITS as GATE_LIMITS
from edge_opt.flows.gate.asked import gate as gate
from edge_opt.flows.gate.asked import gate_calibrate as gate_calibrate
from edge_opt.flows.gate.asked import gate_record as gate_record
from edge_opt.flows.given import entry_of, fingerprint, kept, runtimes_of, temporary
from edge_opt.flows.initialize import Initialized
from edge_opt.flows.looking import compare as compare
from edge_opt.flows.looking import doctor as doctor
from edge_opt.flows.looking import inspect as inspect
from edge_opt.flows.looking import verify as verify
from edge_opt.flows.prepare import frontend_of
from edge_opt.flows.several import Several
from edge_opt.flows.sustained import sustain as sustain
from edge_opt.flows.workbench import Request
from edge_opt.inputs import targets
from edge_opt.stages import plan
from edge_opt.stages.benchmark import Protocol
from edge_opt.stages.plan.efforts import ROUNDS
from edge_opt.store import cache_folder
from edge_opt.types import Effort, Finding, Goal, Recipe, Report, Target, Watch


def optimize(
    model: str | Path,
    data: str | Path,
    *,
    target: str = "host",
    devices: Sequence[str] = (),
    recipes: Sequence[str] = (),
    output: str | Path = "",
    threads: int = 0,
    goal: Goal = "balanced",
    max_drop: str = "",
    max_latency: str = "",
    max_size: str = "",
    max_memory: str = "",
    effort: Effort = "standard",
    time_limit: str = "",
    rounds: int = 0,
    seed: int = 0,
    jobs: int = 0,
    use_cache: bool = True,
    allow_code: bool = False,
    history: str | Path | None = None,
    diagnosis: bool = True,
    resume: bool = False,
    overwrite: bool = False,
    command: str = "",
    watch: Watch = silent,
) -> Report:
    """The report of ``recipes`` (by default what ``effort`` has), tried on ``target``; limits carry units: ``"1pp"``.

    Of ``rounds``, ``threads`` and ``jobs``, 0 is the default of the effort, the target and the machine. The run folder
    ``output``, ``runs/MODEL`` by default, holds all that comes out. Raises EdgeOptError.
    """
    profile = budgeted(target_of(target, devices), max_drop, max_latency, max_size, max_memory)
    _check(goal, effort, resume, overwrite)
    chosen = _chosen(recipes, profile, Path(model))
    request = Request(
        model=Path(model),
        data=Path(data),
        output=run_folder(model, output),
        target=profile,
        recipes=chosen,
        threads=threads or profile.threads[0],
        goal=goal,
        seed=seed,
        effort=effort,
        as_asked=bool(recipes),
        time_limit_s=units.parse_seconds(time_limit) if time_limit else None,
        protocol=Protocol(rounds=rounds or ROUNDS[effort]),
        jobs=jobs or most_jobs(),
        cache=cache_folder(os.environ) if use_cache else None,
        allow_code=allow_code,
        diagnose=diagnosis,
        history=Path(history) if history else None,
        resume=resume,
        overwrite=overwrite,
        command=command,
    )
    with closing(executor(request.jobs)) as workers:
        return pipeline.optimize(request, device=device(profile), executor=workers, watch=watch)


def _check(goal: str, effort: str, resume: bool, overwrite: bool) -> None:
    """Nothing; raises UnknownName or InputError for words that cannot be meant."""
    one_of_the_two(resume, overwrite)
    known("goal", goal, get_args(Goal))
    known("effort", effort, get_args(Effort))


def _chosen(names: Sequence[str], target: Target, model: Path) -> tuple[Recipe, ...]:
    """The recipes of those names, which the target must have for such a model; without names, all that there are."""
    chosen = recipes_of(names)
    if names:
        plan.check(chosen, target, frontend_of(model).source)
    return chosen


def run_folder(model: str | Path, output: str | Path | None = "") -> Path:
    """Where ``optimize`` works: ``output``, or the folder ``runs/MODEL`` here."""
    return Path(output) if output else Path("runs") / Path(model).stem


def optimize_several(
    model: str | Path,
    data: str | Path,
    *,
    targets: Sequence[str] = ("host",),
    devices: Sequence[str] = (),
    threads: Sequence[int] = (),
    output: str | Path = "",
    use_cache: bool = True,
    watch: Watch = silent,
    **options: Any,
) -> Several:
    """A run for each target and number of threads, in ``output/TARGET-threadsN``, and the comparison of them all.

    Without ``threads``, each target's first choice is taken; ``options`` are those of :func:`optimize`; a time limit
    is for each run. Conversions are shared through the cache. One run that fails does not stop the others; raises its
    error where all fail.
    """
    folder = run_folder(model, output)
    found = each_target(targets, devices)
    runs = {
        place: partial(
            optimize,
            model,
            data,
            target=name,
            devices=[found[name].address] if found[name].address else (),
            threads=count,
            output=place,
            use_cache=use_cache,
            watch=watch,
            **options,
        )
        for place, (name, count) in several.places(found, threads, folder).items()
    }
    return several.optimize_each(runs, folder, cached=use_cache and bool(cache_folder(os.environ)), watch=watch)


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
    overwrite: bool = False,
    watch: Watch = silent,
) -> Converted:
    """The artifacts of ``recipes`` in the formats ``to`` (all of the target's by default), written to ``output``.

    Raises InputError where one is there already, unless ``overwrite`` is set.
    """
    profile = targets.load(target)
    for name in to:
        if name not in registry.names("exporters"):
            raise UnknownName.among("format", name, registry.names("exporters"))
    profile = replace(profile, formats=tuple(to) or profile.formats)
    # in this order: the workers end before their folder goes
    with temporary() as run, closing(executor(jobs or most_jobs())) as workers:
        return make_artifacts(
            Path(model),
            recipes_of(recipes),
            profile,
            Path(output),
            data_path=Path(data) if data else None,
            seed=seed,
            allow_code=allow_code,
            overwrite=overwrite,
            cache=cache_folder(os.environ) if use_cache else None,
            run=run,
            device=registry.load("devices", "local")(),  # that one works is seen without a board
            executor=workers,
            watch=watch,
        )


def bench(
    paths: Sequence[str | Path],
    *,
    target: str = "host",
    devices: Sequence[str] = (),
    runtime: str = "",
    threads: int = 0,
    rounds: int = 10,
    seed: int = 0,
    output: str | Path | None = None,
    watch: Watch = silent,
) -> Benchmarks:
    """The latency and memory of each artifact, in interleaved rounds; speed-ups refer to the first one.

    ``runtime`` may name several, with commas: each artifact is then measured by all that load it. The run folder
    ``output`` keeps the raw samples; the same call goes on where an earlier one was stopped.
    """
    profile = target_of(target, devices)
    runtimes = runtimes_of(runtime)
    request = {
        "command": "bench",
        "artifact": {str(path): fingerprint(Path(path)) for path in paths if output},
        "--target": profile.name,
        "--runtime": runtimes,
        "--threads": threads or profile.threads[0],
        "--rounds": rounds,
        "--seed": seed,
    }
    with kept(output, request) as run:
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
    devices: Sequence[str] = (),
    runtime: str = "",
    max_drop: str = "",
    watch: Watch = silent,
) -> tuple[tuple[Evaluated, ...], tuple[Finding, ...]]:
    """The accuracy of each artifact on the test split, paired with the first one's, and what the data set says."""
    profile = budgeted(target_of(target, devices), max_drop, "", "", "")
    known_runtime(runtime)
    with temporary() as run:
        return score_artifacts(
            [entry_of(Path(path), profile, runtime) for path in paths],
            Path(data),
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
    watch: Watch = silent,
) -> Initialized:
    """The preprocessing contract, written beside ``data`` unless it is there, and the picture of ten samples."""
    with temporary() as run, closing(executor()) as workers:
        return initialize.initialize(
            Path(data), Path(model) if model else None, allow_code=allow_code, run=run, executor=workers, watch=watch
        )
