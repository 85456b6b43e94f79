"""Runtimes that need an environment of their own: made, proved by running a model, listed and removed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import edge_opt.runtimes
from edge_opt import registry
from edge_opt.errors import EdgeOptError, InputError, MissingPackage, StepFailed
from edge_opt.flows.machines.availability import prove
from edge_opt.flows.machines.wheels import own_variables
from edge_opt.limits import run_limited
from edge_opt.stages import plan
from edge_opt.store import undisturbed
from edge_opt.types import Step, Watch

_WORKER = Path(edge_opt.runtimes.__path__[0]) / "worker.py"
_STEP_S = 900.0  # making an environment may fetch a Python
_LONGEST = 300
_NO_ROOM = "free some, or set XDG_DATA_HOME to a folder on another disk"


@dataclass(frozen=True, kw_only=True)
class Known:
    """One runtime: whether it is installed, which package that is, and where, or the command that installs it."""

    name: str
    formats: tuple[str, ...]
    installed: bool
    version: str
    place: Literal["this environment", "an environment of its own"]
    path: Path | None  # of its own environment
    command: str


def every() -> tuple[Known, ...]:
    """All registered runtimes. Nothing is run: that one works is shown by ``edge-opt doctor``."""
    return tuple(_known(name) for name in registry.names("runtimes"))


def add(name: str, watch: Watch) -> Known:
    """The runtime ``name``, set up in an environment of its own in the data folder of the user, and shown to work.

    One that works already is left as it is. Raises InputError for a runtime that needs none, and MissingPackage,
    RunError or StepFailed where it cannot be made: then nothing is left of it, and one that was there still is.
    """
    module = _owner(name)
    folder: Path = module.folder()
    with undisturbed(folder, "a runtime", _NO_ROOM):
        partial = folder.with_name(f".{name}.partial")
        shutil.rmtree(partial, ignore_errors=True)  # of one that was killed
        if folder.exists() and _works(name, folder):
            return _known(name)
        try:
            for done, (what, command) in enumerate(_commands(name, module, partial)):
                watch(Step(stage="set up", what=what, done=done, total=3, unit="steps"))
                _call(command, name, what)
            watch(Step(stage="set up", what="a model to prove it", done=2, total=3, unit="steps"))
            prove(name, _device(partial))
            shutil.rmtree(folder, ignore_errors=True)  # it does not work
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return _known(name)


def remove(name: str) -> Path:
    """The folder of the environment of ``name``, which is gone. Raises InputError where there is none."""
    folder: Path = _owner(name).folder()
    if not folder.exists():
        raise InputError(f"the runtime '{name}' has no environment to remove", "'edge-opt runtime list' shows them")
    with undisturbed(folder, "a runtime", _NO_ROOM):
        leaving = folder.with_name(f".{name}.partial")
        shutil.rmtree(leaving, ignore_errors=True)
        folder.rename(leaving)  # at once, so that nobody meets a half
        shutil.rmtree(leaving)
    return folder


def _owner(name: str) -> Any:
    """The module of a runtime that has an environment of its own."""
    module = registry.load("runtimes", name)
    if not hasattr(module, "folder"):
        raise InputError(
            f"the runtime '{name}' needs no environment of its own", f"pip install {getattr(module, 'INSTALL', name)}"
        )
    return module


def _known(name: str) -> Known:
    module = registry.load("runtimes", name)
    own: Path | None = module.folder() if hasattr(module, "folder") else None
    there = own is not None and own.exists()
    found = plan.installed(name)
    return Known(
        name=name,
        formats=tuple(module.FORMATS),
        installed=found,
        version=_version(module, own if there else None) if found else "",
        place="an environment of its own" if own and (there or not found) else "this environment",
        path=own if there else None,
        command=f"edge-opt runtime add {name}" if own else f"pip install {getattr(module, 'INSTALL', name)}",
    )


def version_of(name: str) -> str:
    """The version of the installed runtime ``name``, as ``2.3.0``; with its package where that has another name."""
    package, _, number = _known(name).version.partition(" ")
    usual = getattr(registry.load("runtimes", name), "INSTALL", package)
    return number if package == usual else f"{package} {number}".strip()


def _version(module: Any, own: Path | None) -> str:
    """The package that has the runtime, with its version, as ``ai-edge-litert 2.3.0``."""
    if own is None:
        provided = packages_distributions()
        wanted = [name for package in module.PACKAGES for name in provided.get(package.partition(".")[0], ())]
        listed = [Distribution.from_name(name) for name in wanted[:1]]
    else:
        reach = [str(path) for path in own.glob("lib/python*/site-packages")]
        listed = list(distributions(name=getattr(module, "INSTALL", ""), path=reach))
    return " ".join(f"{one.metadata['Name']} {one.version}" for one in listed)


def _works(name: str, folder: Path) -> bool:
    try:
        prove(name, _device(folder))
    except EdgeOptError:
        return False
    return True


def _device(folder: Path) -> registry.Device:
    """This machine, with the worker run by the interpreter of the environment in ``folder``."""
    device: registry.Device = registry.load("devices", "local")(command=(str(folder / "bin/python"), str(_WORKER)))
    return device


def _commands(name: str, module: Any, folder: Path) -> list[tuple[str, list[str]]]:
    """What makes the environment, each with the words for it: by uv, which can fetch a Python, else by venv and pip."""
    inside = str(folder / "bin/python")
    uv = _uv()
    if uv:
        quiet = [*uv, "--quiet", "--directory", str(folder.parent)]  # there, no project has a say
        return [
            (f"Python {module.PYTHON}", [*quiet, "venv", "--python", module.PYTHON, str(folder)]),
            (", ".join(module.REQUIREMENTS), [*quiet, "pip", "install", "--python", inside, *module.REQUIREMENTS]),
        ]
    python = _python(name, module.PYTHON)
    return [
        (f"Python {module.PYTHON}", [python, "-m", "venv", str(folder)]),
        (", ".join(module.REQUIREMENTS), [inside, "-m", "pip", "install", "--quiet", *module.REQUIREMENTS]),
    ]


def _uv() -> list[str]:
    """The command that starts uv: the program, or the package of this environment; empty where there is neither."""
    program = shutil.which("uv")
    if program:
        return [program]
    return [sys.executable, "-m", "uv"] if find_spec("uv") else []


def _python(name: str, version: str) -> str:
    """An interpreter of that version, as ``3.11``: this one or the one on the path. Raises MissingPackage."""
    if ".".join(map(str, sys.version_info[:2])) == version:
        return sys.executable
    found = shutil.which(f"python{version}")
    if not found:
        raise MissingPackage(
            f"the runtime '{name}' needs Python {version}, and neither that nor uv, which fetches it, is installed",
            "pip install uv",
        )
    return found


def _call(command: Sequence[str], name: str, what: str) -> None:
    ended = run_limited(command, env=own_variables(), timeout_s=_STEP_S)
    if ended.returncode:
        error = StepFailed(
            f"the runtime '{name}' could not be set up, {what} could not be installed: {_said(ended.stderr)}",
            "check the network and the package index that pip and uv are set to, then give the command again",
        )
        error.add_note(ended.stderr)
        raise error


def _said(stderr: str) -> str:
    """The first and the last line of what an installer said, without its drawings."""
    lines = [line.strip(" ×╰├│─▶>") for line in stderr.splitlines()]
    lines = [line.removeprefix("error: ").removeprefix("ERROR: ") for line in lines if line] or ["it gives no reason"]
    words = lines[0] if len(lines) == 1 else f"{lines[0]} … {lines[-1]}"
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
