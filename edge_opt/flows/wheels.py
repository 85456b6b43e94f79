"""Wheels of the runtimes for a machine that is not this one, fetched here and unpacked into a folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import InputError, MissingPackage, StepFailed
from edge_opt.limits import run_limited

_LIMIT_S = 1800.0
_OLDEST_GLIBC = 17  # 2.17: the oldest that a tag names
_LINES = 2
# what a wheel is called for, by what a machine calls itself
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_ARM_32 = "armv7l"
NUMPY = "numpy"


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
    """The runtime's package, in the version that is installed here, so that both sides run the same."""
    package = str(getattr(registry.load("runtimes", runtime), "INSTALL", runtime))
    try:
        return f"{package}=={version(package)}"
    except PackageNotFoundError:
        return package


def unpack(runtimes: Sequence[str], machine: Machine, folder: Path) -> dict[str, str]:
    """Why runtimes were left out, by their names; the wheels of the others are then unpacked in ``folder``.

    Raises MissingPackage where there is no pip here, and StepFailed where not one could be had.
    """
    if find_spec("pip") is None:
        raise MissingPackage(
            "fetching wheels for another machine needs 'pip', which is not installed", "uv pip install pip"
        )
    said = _installed(runtimes, machine, folder)
    if not said:
        return {}
    # one of them has no wheel that fits: which one, is found by asking for each alone
    alone = {one: _installed((one,), machine, folder) for one in runtimes} if len(runtimes) > 1 else {runtimes[0]: said}
    left_out = {name: why for name, why in alone.items() if why}
    fitting = [name for name in runtimes if name not in left_out]
    said = _installed(fitting, machine, folder) if fitting else said
    if said:
        raise StepFailed(
            f"{', '.join(runtimes)} could not be had for Python {machine.python} on {machine.architecture}: {said}",
            _hint(machine),
        )
    return left_out


def _hint(machine: Machine) -> str:
    """What to do where no wheel could be had: often it is the system's Python that none fits."""
    minor = int(machine.python.partition(".")[2])
    if machine.is_32_bit and minor > 11:
        return "tflite-runtime has no wheel after Python 3.11: take the 64-bit system, or Raspberry Pi OS Bookworm"
    if minor < 10 and not machine.is_32_bit:
        return "the wheels need Python 3.10 or newer: install Raspberry Pi OS Bookworm or a newer one"
    return "check the network, and the package index that pip is set to on this machine"


def versions(runtimes: Sequence[str], folder: Path) -> dict[str, str]:
    """The packages of ``runtimes`` as they lie in ``folder``: ``{"litert": "ai-edge-litert 2.3.0"}``."""
    found = {}
    for runtime in runtimes:
        package = str(getattr(registry.load("runtimes", runtime), "INSTALL", runtime))
        for one in folder.glob(f"{package.replace('-', '_')}-*.dist-info"):
            found[runtime] = f"{package} {one.name.removesuffix('.dist-info').rpartition('-')[2]}"
    return found


def _installed(runtimes: Sequence[str], machine: Machine, folder: Path) -> str:
    """What pip said against it; "" where the wheels are now in ``folder``, which was emptied before."""
    shutil.rmtree(folder, ignore_errors=True)
    command = (
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--target", str(folder), "--only-binary=:all:", "--implementation", "cp"),
        *("--python-version", machine.python, *_platforms(machine)),
        *(["--no-deps"] if machine.is_32_bit else []),  # numpy is the distribution's
        *map(requirement, runtimes),
    )
    ended = run_limited(command, timeout_s=_LIMIT_S)
    shutil.rmtree(folder / "bin", ignore_errors=True)
    if not ended.returncode:
        return ""
    errors = [line.partition("ERROR:")[2].strip() for line in ended.stderr.splitlines() if "ERROR:" in line]
    return errors[-1] if errors else "pip gives no reason"


def _platforms(machine: Machine) -> list[str]:
    """The tags that fit, the newest first: pip does not know that one includes another."""
    arch = machine.architecture
    tags = [f"manylinux_2_{minor}_{arch}" for minor in range(machine.glibc_minor, _OLDEST_GLIBC - 1, -1)]
    return [word for tag in (*tags, f"manylinux2014_{arch}") for word in ("--platform", tag)]


def files_in(folder: Path) -> Mapping[str, Path]:
    """Every file of ``folder`` by its name in there."""
    return {one.relative_to(folder).as_posix(): one for one in sorted(folder.rglob("*")) if one.is_file()}
