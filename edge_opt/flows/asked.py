"""What a user says in plain words → the nouns, and the places where work is done."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge_opt import registry, units
from edge_opt.errors import InputError, RunError, UnknownName
from edge_opt.inputs import recipes as recipe_table
from edge_opt.store import parse, read_json
from edge_opt.types import SCHEMA_VERSION, Budget, Finding, Outline, Recipe, Report, Step, Target

_STEP_TIMEOUT_S = 1800.0
_MOST_JOBS = 2  # by default: a conversion keeps about one core busy, and TensorFlow takes a gigabyte


def load_report(run: str | Path) -> Report:
    """The report of the run folder ``run``, or of its file. Raises RunError where there is none of this version."""
    path = Path(run)
    file = path / "report.json" if path.is_dir() else path
    if (path / "diagnosis.json").exists():
        raise RunError(
            f"'{path}' holds a diagnosis, which is its own report",
            f"open '{path / 'diagnosis.html'}', or give the folder that 'edge-opt optimize' wrote",
        )
    if (path / "jobs.jsonl").exists() and not file.exists():
        with (path / "jobs.jsonl").open(encoding="utf-8") as journal:
            asked = journal.readline()
        if '"command":"bench' in asked.replace(" ", ""):
            raise RunError(
                f"'{path}' holds the samples of 'edge-opt bench', and no run of 'edge-opt optimize'",
                "its table was printed when it ended; its samples are in jobs.jsonl",
            )
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


def silent(_: Outline | Step | Finding) -> None:
    """Watch nothing."""


def device(target: Target) -> registry.Device:
    """The device that times the target's jobs. Raises InputError for an address that is none."""
    factory = registry.load("devices", target.device)
    found: registry.Device = factory(target.address) if hasattr(factory, "ADDRESS") else factory()
    return found


def executor(jobs: int = 1) -> registry.Executor:
    """Where conversions and other heavy work run, so many at a time."""
    found: registry.Executor = registry.load("executors", "process")(timeout_s=_STEP_TIMEOUT_S, workers=jobs)
    return found


def most_jobs() -> int:
    """How many jobs run side by side where nobody says it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST_JOBS, cores)


def recipes_of(names: Sequence[str]) -> tuple[Recipe, ...]:
    """The recipes of those names and files, each once. Raises InputError where two files describe different ones."""
    if isinstance(names, str):
        names = (names,)
    found: dict[str, Recipe] = {}
    for name in names or recipe_table.names():
        one = recipe_table.load(name)
        if found.setdefault(one.name, one) != one:
            raise InputError(f"two recipes have the name '{one.name}'", f"rename the one in '{name}'")
    return tuple(found.values())


def one_of_the_two(resume: bool, overwrite: bool) -> None:
    """Nothing; raises InputError where a run is both to be gone on with and to be removed."""
    if resume and overwrite:
        raise InputError(
            "'--resume' goes on with the run in the folder, and '--overwrite' removes it", "give one of the two"
        )


def known(kind: str, name: str, names: Sequence[str]) -> None:
    """Nothing; raises UnknownName where ``name`` is none of ``names``."""
    if name not in names:
        raise UnknownName.among(kind, name, names)


def known_runtime(name: str) -> None:
    """Nothing; raises UnknownName where ``name`` is given and is no runtime."""
    if name and name not in registry.names("runtimes"):
        raise UnknownName.among("runtime", name, registry.names("runtimes"))


def budgeted(target: Target, max_drop: str, max_latency: str, max_size: str, max_memory: str) -> Target:
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
