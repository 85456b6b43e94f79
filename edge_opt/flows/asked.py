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
from edge_opt.inputs import targets as target_table
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


def target_of(name: str, devices: str | Sequence[str] = ()) -> Target:
    """The profile of that name or file, with its address out of ``devices``: ``ADDRESS``, or ``NAME=ADDRESS``.

    Raises UnknownName and InputError, also where the target is a remote device whose address was not given.
    """
    profile, given = target_table.load(name), _listed(devices)
    _require_asked([profile.name], given)
    return _placed(profile, given)


def each_target(names: str | Sequence[str], devices: str | Sequence[str]) -> dict[str, Target]:
    """The profile of every name, addresses without a name being for those that are remote devices.

    Raises what :func:`target_of` raises.
    """
    profiles, given = {name: target_table.load(name) for name in _listed(names)}, _listed(devices)
    _require_asked([one.name for one in profiles.values()], given)
    return {
        name: _placed(profile, [one for one in given if "=" in one or profile.device != "local"])
        for name, profile in profiles.items()
    }


def _listed(given: str | Sequence[str]) -> Sequence[str]:
    return (given,) if isinstance(given, str) else given


def _require_asked(names: Sequence[str], devices: Sequence[str]) -> None:
    """Nothing; raises UnknownName where an address is for a target that is none of ``names``."""
    for one in devices:
        name, equals, _ = one.rpartition("=")
        if equals and name not in names:
            raise UnknownName(
                f"the device '{one}' is for the target '{name}', which is not asked for",
                f"give -t {name}, or name a target that is asked for: {', '.join(names)}",
            )


def _placed(profile: Target, devices: Sequence[str]) -> Target:
    """``profile`` with its address. Raises InputError where it needs one and has none, or has one of another kind."""
    example = getattr(registry.load("devices", profile.device), "ADDRESS", "")
    given = _address_of(profile, devices) or profile.address
    if not example:
        if given:
            raise InputError(
                f"the target '{profile.name}' is this machine, and '{given}' is another device",
                "name its profile too, as -t rpi4 ('edge-opt targets' lists them; -t ssh is any Linux machine)",
            )
        return profile
    if not given:
        raise InputError(
            f"target '{profile.name}' is a remote device, and no address was given",
            f"give --device {example}; without a board, -t arm64-emulated shows whether the model is right on ARM",
        )
    if not given.startswith(f"{profile.device}://"):
        raise InputError(
            f"the device '{given}' cannot be used for the target '{profile.name}'", f"its address looks like {example}"
        )
    return replace(profile, address=given)


def _address_of(profile: Target, devices: Sequence[str]) -> str:
    """The address that is for ``profile``: by its name, else the one that bears no name. Raises InputError for two."""
    found: dict[str, str] = {}
    for one in devices:
        name, equals, address = one.rpartition("=")
        if found.setdefault(name if equals else "", address) != address:
            raise InputError(
                f"two devices are given, '{found[name]}' and '{address}'",
                "say which is for which target, as --device rpi4=ssh://pi@one --device rpi5=ssh://pi@two",
            )
    return found.get(profile.name, found.get("", ""))


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
