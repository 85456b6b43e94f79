"""Wheels of the runtimes for a machine that is not this one, downloaded here and unpacked into a folder."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version
from importlib.util import find_spec
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import InputError, MissingPackage, RunError, StepFailed
from edge_opt.limits import run_limited

_LIMIT_S = 1800.0
_OLDEST_GLIBC = 17  # 2.17: the oldest that a tag names
# what a wheel is called for, by what a machine calls itself
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_ARM_32 = "armv7l"
_OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
FULL = "No space left on device"  # the words of the system
NO_ROOM = "free 1 GB, or set TMPDIR to a folder on another disk"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What decides which wheels fit: the processor's architecture as wheels spell it, glibc's and Python's versions."""

    architecture: str
    glibc_minor: int  # of 2.MINOR
    python: str  # as "3.11"

    @property
    def is_32_bit(self) -> bool:
        """Whether it is a 32-bit ARM system, for which the index has few wheels: numpy comes from the distribution."""
        return self.architecture == _ARM_32

    @property
    def runtimes(self) -> tuple[str, ...]:
        """The runtimes that have wheels for such a machine."""
        return ("tflite-runtime",) if self.is_32_bit else ("litert", "onnxruntime", "openvino")


def machine_of(name: str, bits: int, libc: Sequence[str], python: str) -> Machine:
    """The machine that calls itself ``name``, with programs of ``bits``. Raises InputError where no wheel can fit.

    A 64-bit kernel calls itself ``aarch64`` also where all programs are 32-bit, as in the 32-bit Raspberry Pi OS.
    """
    if bits == 32 and name in ("aarch64", "arm64", "armv7l", "armv8l"):
        architecture = _ARM_32
    elif bits == 64 and name.lower() in _ARCHITECTURES:
        architecture = _ARCHITECTURES[name.lower()]
    else:
        raise InputError(
            f"its processor is '{name}' with a {bits}-bit system, for which no runtime has a wheel",
            "runtimes exist for 64-bit ARM and x86, and for 32-bit ARM from ARMv7 on (not the first Pi, nor the Zero)",
        )
    if libc[:1] != ["glibc"]:
        raise InputError(
            f"its C library is '{' '.join(libc).strip() or 'unknown'}', and the runtimes' wheels need glibc",
            "use a system with glibc, as Raspberry Pi OS, Debian or Ubuntu are",
        )
    number = libc[1].split(".")
    return Machine(
        architecture=architecture,
        glibc_minor=int(number[1]) if len(number) > 1 and number[1].isdecimal() else _OLDEST_GLIBC,
        python=".".join(python.split(".")[:2]),
    )


def requirement(runtime: str) -> str:
    """What pip is asked for: the version that is installed here, so that both sides run the same.

    The runtime that has an environment of its own says itself which versions it can be; only the package's name stands
    for one that is not installed here.
    """
    module = registry.load("runtimes", runtime)
    if hasattr(module, "REQUIREMENTS"):
        return str(module.REQUIREMENTS[0])  # what follows is numpy, which on such a machine is the distribution's
    package = str(module.INSTALL)
    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError:
        return package


def install(runtimes: Sequence[str], machine: Machine, folder: Path, no_room: str = NO_ROOM) -> None:
    """The wheels of ``runtimes`` for ``machine``, unpacked in ``folder``, which was emptied before.

    Raises MissingPackage where there is no pip here, RunError with the hint ``no_room`` where the disk is full, and
    StepFailed where one of them could not be downloaded.
    """
    if why := _refusal(runtimes, machine, folder, no_room):
        raise _unavailable(runtimes, machine, why)


def install_fitting(runtimes: Sequence[str], machine: Machine, folder: Path, no_room: str = NO_ROOM) -> dict[str, str]:
    """The same of those that have wheels for ``machine``; why the others were skipped, by their names.

    Raises what :func:`install` raises, StepFailed only where not one could be downloaded.
    """
    why = _refusal(runtimes, machine, folder, no_room)
    if not why:
        return {}
    if len(runtimes) == 1:
        raise _unavailable(runtimes, machine, why)
    # one of them has no wheel that fits: which one, is found by asking for each alone
    alone = {one: _refusal((one,), machine, folder, no_room) for one in runtimes}
    skipped = {name: why for name, why in alone.items() if why}
    fitting = [name for name in runtimes if name not in skipped]
    if not fitting:
        raise _unavailable(runtimes, machine, why)
    install(fitting, machine, folder, no_room)
    return skipped


def versions(runtimes: Sequence[str], folder: Path) -> dict[str, str]:
    """The packages of ``runtimes`` as they lie in ``folder``: ``{"litert": "ai-edge-litert 2.3.0"}``."""
    found = {}
    for runtime in runtimes:
        package = str(registry.load("runtimes", runtime).INSTALL)
        for one in distributions(name=package, path=[str(folder)]):
            found[runtime] = f"{package} {one.version}"
    return found


def own_variables() -> dict[str, str]:
    """The variables of this process without those that belong to its Python alone."""
    return {key: value for key, value in os.environ.items() if key not in _OURS}


def _refusal(runtimes: Sequence[str], machine: Machine, folder: Path, no_room: str) -> str:
    """What pip said against it; "" where the wheels are now in ``folder``, which was emptied before."""
    shutil.rmtree(folder, ignore_errors=True)
    command = (
        *(*_pip(), "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--target", str(folder), "--only-binary=:all:", "--implementation", "cp"),
        *("--python-version", machine.python, *_platforms(machine)),
        *(["--no-deps"] if machine.is_32_bit else []),  # numpy is the distribution's
        *map(requirement, runtimes),
    )
    ended = run_limited(command, env=own_variables(), timeout_s=_LIMIT_S)
    shutil.rmtree(folder / "bin", ignore_errors=True)
    if not ended.returncode:
        return ""
    if FULL in ended.stderr:
        raise RunError(f"no room is left on the disk for the wheels of {', '.join(runtimes)}", no_room)
    errors = [line.partition("ERROR:")[2].strip() for line in ended.stderr.splitlines() if "ERROR:" in line]
    return errors[-1] if errors else "pip gives no reason"


def _pip() -> list[str]:
    """The command that starts pip: that of this environment, else the one that uv fetches. Raises MissingPackage."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    uv = [sys.executable, "-m", "uv"] if find_spec("uv") else [shutil.which("uv") or ""]
    if not uv[0]:
        raise MissingPackage(
            "downloading wheels for another machine needs 'pip', which is not installed", "python -m ensurepip"
        )
    return [*uv, "--quiet", "tool", "run", "pip"]


def _unavailable(runtimes: Sequence[str], machine: Machine, why: str) -> StepFailed:
    return StepFailed(
        f"{', '.join(runtimes)} could not be downloaded for Python {machine.python} on {machine.architecture}: {why}",
        _hint(machine),
    )


def _hint(machine: Machine) -> str:
    """What to do where no wheel could be downloaded: often it is the system's Python that none fits."""
    minor = int(machine.python.partition(".")[2])
    if machine.is_32_bit and minor > 11:
        return "tflite-runtime has no wheel after Python 3.11: take the 64-bit system, or Raspberry Pi OS Bookworm"
    if minor < 10 and not machine.is_32_bit:
        return "the wheels need Python 3.10 or newer: install Raspberry Pi OS Bookworm or a newer one"
    return "check the network, and the package index that pip is set to on this machine"


def _platforms(machine: Machine) -> list[str]:
    """The tags that fit: pip does not know that one includes another, and prefers the first, so the newest leads."""
    arch = machine.architecture
    tags = [f"manylinux_2_{minor}_{arch}" for minor in range(machine.glibc_minor, _OLDEST_GLIBC - 1, -1)]
    return [word for tag in (*tags, f"manylinux2014_{arch}") for word in ("--platform", tag)]


def files_in(folder: Path) -> Mapping[str, Path]:
    """Every file of ``folder`` by its name in there."""
    return {one.relative_to(folder).as_posix(): one for one in sorted(folder.rglob("*")) if one.is_file()}
