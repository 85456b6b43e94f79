"""What is installed here and works, what each missing thing would enable, and what the machine is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from edge_opt import registry, turns, units
from edge_opt.errors import MissingPackage, StepFailed
from edge_opt.flows.machines import probes, runtimes
from edge_opt.flows.machines.availability import prove
from edge_opt.flows.parts import PARTS, Part
from edge_opt.stages import plan
from edge_opt.store import cache_folder
from edge_opt.types import Finding

_LITTLE_DISK_BYTES = 2 * 2**30  # a run of a middling model with all its recipes
_LITTLE_MEMORY_BYTES = 2 * 2**30  # TensorFlow takes one while it converts, and two conversions run side by side
# those that decide how fast an artifact runs, as Linux spells them
_ISA = (
    "avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16",
    "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Found:
    """A part as it was found; ``command`` installs it."""

    package: str
    status: Literal["works", "broken", "missing"]
    version: str
    enables: str
    command: str
    why: str = ""  # it is broken


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What was found, what the machine is, and what should be mended."""

    parts: tuple[Found, ...]
    machine: dict[str, str]
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether everything that is installed works."""
        return all(one.status != "broken" for one in self.parts)


def examine(device: registry.Device, executor: registry.Executor, runs: Path) -> Examined:
    """What is installed and works here, each part in a process of its own; ``runs`` is where runs would be written.

    Raises DeviceBusy where another edge-opt measures for too long.
    """
    described: dict[str, Any] = device.run({"protocol": 1, "mode": "environment"})["environment"]
    every = _every()
    with ThreadPoolExecutor(max_workers=4) as threads:  # mostly waiting: the executor lets two processes run
        groups = [threads.submit(_attempted, group, executor) for group in _groups(every)]
        proved = {one.package: threads.submit(_proved, one, device) for one in every if one.runtime}
        seen = {package: future.result() for package, future in proved.items()}
        for group in groups:
            seen |= group.result()
    parts = tuple(_found(part, seen.get(part.package)) for part in every)
    places = {"runs": runs, "temporary": Path(tempfile.gettempdir())}
    cache = cache_folder(os.environ)
    if cache:
        places["cache"] = cache
    machine = {**_machine(described), **{f"{name} folder": _room(path) for name, path in places.items()}}
    machine["lock"] = "usable" if not (locked := _locked()) else locked
    if not cache:
        machine["cache folder"] = "off"
    findings = (*_broken(parts), *_little(places), *_memory(), *([_lock_finding(locked)] if locked else []))
    return Examined(parts=parts, machine=machine, findings=findings)


def _every() -> tuple[Part, ...]:
    """The parts, and the runtimes of other packages."""
    known = {part.runtime for part in PARTS}
    added = [name for name in registry.names("runtimes") if name not in known]
    return PARTS + tuple(
        Part(
            package=getattr(module := registry.load("runtimes", name), "INSTALL", name),
            imported=module.PACKAGES[0],
            extra="",
            enables=f"run {', '.join(module.FORMATS)} files by '{name}'",
            runtime=name,
        )
        for name in added
    )


def _groups(parts: Sequence[Part]) -> list[list[Part]]:
    """The installed parts that are no runtimes, by the process that they share; the slowest first."""
    names = ("tensorflow", "nncf", "light")
    there = [part for part in parts if part.probe and find_spec(part.imported)]
    return [group for name in names if (group := [part for part in there if part.together == name])]


def _attempted(group: Sequence[Part], executor: registry.Executor) -> dict[str, str]:
    """Why each of ``group`` does not work, "" where it does; where one takes the others with it, each on its own."""
    try:
        why = executor.submit(probes.attempt, [part.probe for part in group]).result()
    except StepFailed as error:
        if len(group) == 1:
            return {group[0].package: error.message}
        return {name: text for part in group for name, text in _attempted([part], executor).items()}
    return dict(zip([part.package for part in group], why, strict=True))


def _proved(part: Part, device: registry.Device) -> str | None:
    """The same for a runtime; None where it is not installed."""
    if not plan.installed(part.runtime):
        return None
    try:
        prove(part.runtime, device)
    except (StepFailed, MissingPackage) as error:
        return error.message
    return ""


def _found(part: Part, why: str | None) -> Found:
    """``part`` as it is here: ``why`` it does not work, "" where it does, None where it is missing."""
    status: Literal["works", "broken", "missing"] = "missing" if why is None else "broken" if why else "works"
    return Found(
        package=part.package,
        status=status,
        version="" if why is None else _version(part),
        enables=part.enables,
        command=_command(part),
        why=why or "",
    )


def _command(part: Part) -> str:
    """What installs ``part``."""
    if part.extra:
        return f"pip install 'edge-opt[{part.extra}]'"
    own = hasattr(registry.load("runtimes", part.runtime), "python")
    return f"edge-opt runtime add {part.runtime}" if own else f"pip install {part.package}"


def _version(part: Part) -> str:
    if part.runtime:
        return runtimes.version_of(part.runtime)
    try:
        return version(part.package)
    except PackageNotFoundError:
        return ""


# ── the machine ────────────────────────────────────────────────────────────────────────────────────────────────────


def _machine(environment: dict[str, Any]) -> dict[str, str]:
    useful = [flag for flag in _ISA if flag in environment["isa"]]
    free = _available_bytes()
    memory = units.format_bytes(environment["ram_bytes"])
    return {
        "cpu": f"{environment['cpu'] or environment['machine']}, {environment['cores']} cores",
        "instructions": " ".join(useful) or "none that matter here",
        "governor": environment["governor"] or "not told by this system",
        "load": units.format_spread(environment["load_average"]),
        "memory": memory if free is None else f"{memory}, {units.format_bytes(free)} available",
        "system": environment["system"],
        "python": environment["python"],
    }


def _available_bytes() -> int | None:
    """The memory that programs can still get; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def _standing(path: Path) -> Path:
    """The folder ``path``, or the first above it that exists."""
    path = path.absolute()
    return next(one for one in (path, *path.parents) if one.exists())


def _room(path: Path) -> str:
    place = _standing(path)
    state = "" if os.access(place, os.W_OK) else ", not writable"
    return f"{path}, {units.format_bytes(shutil.disk_usage(place).free)} free{state}"


def _locked() -> str:
    """Why turns cannot be taken on this machine; "" where they can."""
    for path in turns.places():
        if path.is_symlink():
            return f"'{path}' is a link"
        allowed = os.access(path, os.R_OK) if path.exists() else os.access(path.parent, os.W_OK)
        if not allowed:
            return f"'{path}' cannot be {'read' if path.exists() else 'made'}"
    return ""


# ── what to mend ───────────────────────────────────────────────────────────────────────────────────────────────────


def _broken(parts: tuple[Found, ...]) -> Iterator[Finding]:
    for one in parts:
        if one.status == "broken":
            yield Finding(
                code="EO506",
                level="error",
                message=f"'{one.package}' {one.version}".rstrip() + f" is installed and does not work: {one.why}",
                hint=f"install it again: {one.command}",
            )


def _little(places: dict[str, Path]) -> Iterator[Finding]:
    """One finding for every folder that cannot be written, or has little room."""
    for name, path in places.items():
        place = _standing(path)
        free = shutil.disk_usage(place).free
        if not os.access(place, os.W_OK):
            message, hint = f"the {name} folder '{path}' cannot be written", "give another one, or the right to write"
        elif free < _LITTLE_DISK_BYTES:
            message = f"only {units.format_bytes(free)} are free for the {name} folder '{path}'"
            hint = "free some: a run keeps every artifact that it makes"
        else:
            continue
        yield Finding(code="EO507", level="warning", message=message, hint=hint)


def _memory() -> Iterator[Finding]:
    free = _available_bytes()
    if free is not None and free < _LITTLE_MEMORY_BYTES:
        yield Finding(
            code="EO507",
            level="warning",
            message=f"only {units.format_bytes(free)} of memory are available",
            hint="close other programs before you convert: TensorFlow alone takes a gigabyte",
        )


def _lock_finding(why: str) -> Finding:
    return Finding(
        code="EO508",
        level="warning",
        message=f"{why}, so several edge-opt on this machine cannot wait for each other's measurements",
        hint="mend that file, or measure with one edge-opt at a time",
    )
