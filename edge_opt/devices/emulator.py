"""An emulated ARM processor as a device: QEMU runs the worker with the Python and the runtimes of an ARM system.

What it answers are the answers of ARM's kernels; how long that takes is nobody's latency, so no time is ever taken.
``edge-opt emulator setup`` makes the ARM system in the user's cache folder (edge_opt/flows/machines/emulator.py)::

    ~/.cache/edge-opt/emulator/arm64/
      emulator.json     which QEMU, the versions of the runtimes, the processors that were checked
      root/             Debian's Python and C library
      packages/         the runtimes
      qemu              the emulator, where it is none of the system
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import edge_opt.runtimes
from edge_opt import workers
from edge_opt.errors import DeviceError, InputError, MissingPackage, UnknownName
from edge_opt.limits import limit_s, most_memory_bytes, run_limited
from edge_opt.store import parse, read_json
from edge_opt.turns import WAIT_S, turn

RECORD = "emulator.json"
TRUSTED = 10  # the first QEMU without the faults of docs/emulator.md

_WORKER = Path(edge_opt.runtimes.__path__[0]) / "worker.py"
_KEPT = ("HOME", "TMPDIR")  # everything else of this machine's shell is meant for programs of this machine
_TIMES = ("load_ns", "peak_rss_bytes", "baseline_rss_bytes")  # of the emulator, not of what it emulates
# What the emulated system only knows of this machine, as what says nothing.
_UNTOLD = {"ram_bytes": 0, "governor": "", "load_average": 0.0, "board": ""}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A kind of ARM system: its name at Debian, QEMU's program for it, and the processors, the usual one first."""

    name: str
    qemu: str
    cpus: tuple[str, ...]


ARCHITECTURES = {
    one.name: one
    for one in (
        Architecture(
            name="arm64",
            qemu="qemu-aarch64",
            cpus=(
                *("cortex-a72", "cortex-a35", "cortex-a53", "cortex-a55", "cortex-a57", "cortex-a76", "cortex-a710"),
                *("neoverse-n1", "neoverse-n2", "neoverse-v1", "a64fx", "max"),
            ),
        ),
        Architecture(
            name="armhf",
            qemu="qemu-arm",
            cpus=("cortex-a15", "cortex-a7", "cortex-a8", "cortex-a9", "max"),
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Record:
    """What ``edge-opt emulator setup`` made."""

    qemu: str  # the program; a relative path lies in the folder
    packages: Mapping[str, str]  # the runtimes in it, each with its version
    checked: Mapping[str, str]  # the processors that answered as this machine does, each with the version of QEMU


def folder_of(arch: str) -> Path:
    """Where the emulated system of ``arch`` is, or would be: in the cache folder of the user."""
    shared = os.environ.get("XDG_CACHE_HOME", "")
    # the specification tells to ignore paths that are not absolute
    return (Path(shared) if shared.startswith("/") else Path.home() / ".cache") / "edge-opt/emulator" / arch


def record_of(folder: Path, arch: str) -> Record:
    """What was set up in ``folder``. Raises MissingPackage where nothing was, or where something of it is gone."""
    if not (folder / RECORD).exists():
        raise MissingPackage(f"the emulated {arch} system is not set up", setup_command(arch))
    found: Record = parse(Record, read_json(folder / RECORD))
    gone = [path for path in (folder / found.qemu, folder / "root/usr/bin/python3") if not path.exists()]
    if gone:
        raise MissingPackage(f"the emulated {arch} system is damaged: there is no '{gone[0]}'", setup_command(arch))
    return found


def setup_command(arch: str) -> str:
    """What a user types to set ``arch`` up."""
    return "edge-opt emulator setup" + ("" if arch == next(iter(ARCHITECTURES)) else f" --arch {arch}")


def architecture_of(name: str) -> Architecture:
    """The architecture of that name. Raises UnknownName."""
    if name not in ARCHITECTURES:
        raise UnknownName.among("emulated architecture", name, ARCHITECTURES)
    return ARCHITECTURES[name]


def version_of(qemu: Path) -> str:
    """The version of that QEMU, as ``10.0.13``. Raises DeviceError where it is none, or does not run."""
    try:
        said = subprocess.run([qemu, "--version"], capture_output=True, text=True, check=False, env={}).stdout
    except OSError as error:
        raise DeviceError(f"'{qemu}' cannot be run: {error.strerror}", "give QEMU's user emulator") from error
    found = re.search(r"^qemu-\S+ version (\d+(?:\.\d+)*)", said)
    if found is None:
        raise DeviceError(f"'{qemu}' is not QEMU", "give QEMU's user emulator, as /usr/bin/qemu-aarch64")
    return found[1]


def trusted(version: str) -> bool:
    """Whether a QEMU of that version is used unasked."""
    return int(version.partition(".")[0]) >= TRUSTED


class EmulatorDevice:
    """Runs worker jobs on an emulated processor: ``emulator://arm64``, or ``emulator://arm64/cortex-a76``.

    A job is held to ``timeout_s``, for each thousand samples that it answers, and to ``memory_bytes``. ``folder`` and
    ``qemu`` stand in for those that were set up; a ``qemu`` that is given so is taken at any version.
    """

    ADDRESS = "emulator://arm64"
    MODES = ("describe", "predict", "environment")

    def __init__(
        self,
        address: str = ADDRESS,
        timeout_s: float | None = 7200.0,
        memory_bytes: int | None = None,
        wait_s: float = WAIT_S,
        folder: Path | None = None,
        qemu: Path | None = None,
    ) -> None:
        self.architecture, self.cpu = _parsed(address)
        self._folder = folder or folder_of(self.architecture.name)
        self._qemu = qemu
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes or most_memory_bytes()
        self._wait_s = wait_s

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer to ``job`` (docs/worker-protocol.md), without the times in it.

        Raises what the device ``local`` raises; MissingPackage where the emulated system is not set up too, DeviceError
        for a QEMU that is not trusted, and InputError for modes that take times.
        """
        if job["mode"] not in self.MODES:
            raise InputError(
                f"an emulated processor has no latency, so the device 'emulator' has no mode '{job['mode']}'",
                "times are taken by the device itself: give -t with its profile, and --device ssh://NAME",
            )
        arch = self.architecture.name
        record = record_of(self._folder, arch)
        qemu = self._qemu or self._folder / record.qemu
        version = version_of(qemu)
        if self._qemu is None and not trusted(version) and record.checked.get(self.cpu) != version:
            raise DeviceError(
                f"'{qemu}' is QEMU {version}, which computes incorrectly on some processors, and '{self.cpu}' "
                "is not checked",
                f"edge-opt emulator check --arch {arch} --cpu {self.cpu}, or set up QEMU {TRUSTED} or newer: "
                f"{setup_command(arch)}",
            )
        try:
            answer = self._answer(qemu, version, job)
        except MissingPackage as error:
            raise MissingPackage(f"in the emulated {arch} system, {error.message}", setup_command(arch)) from error
        environment = {**answer["environment"], **_UNTOLD, "cpu": f"{self.cpu}, emulated by QEMU {version}"}
        told = {name: value for name, value in answer.items() if name not in _TIMES}
        return {**told, "emulator": f"QEMU {version}", "environment": environment}

    def _answer(self, qemu: Path, version: str, job: Mapping[str, Any]) -> dict[str, Any]:
        asked = workers.call(job, self._command(qemu))
        with turn("shared", wait_s=self._wait_s):
            ended = run_limited(
                asked.command,
                stdin=asked.stdin,
                env=self._variables(job.get("threads", 1)),
                timeout_s=limit_s(job, self._timeout_s),
                memory_bytes=self._memory_bytes,
            )
        if f"unable to find CPU model '{self.cpu}'" in ended.stderr:
            raise DeviceError(
                f"QEMU {version} does not know the processor '{self.cpu}'", "name another one, or a newer QEMU"
            )
        return workers.answer(ended)

    def _command(self, qemu: Path) -> tuple[str, ...]:
        root = self._folder / "root"
        return (str(qemu), "-cpu", self.cpu, "-L", str(root), str(root / "usr/bin/python3"), str(_WORKER))

    def _variables(self, threads: int) -> dict[str, str]:
        """The variables of the emulated process: nothing that names packages or libraries of this machine."""
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(self._folder / "packages"),
            "PYTHONNOUSERSITE": "1",  # the home is that of this machine, with its packages
            **workers.settings(threads),
        }


def _parsed(address: str) -> tuple[Architecture, str]:
    """The architecture and the processor. Raises InputError."""
    found = re.fullmatch(r"emulator://([^/]+)(?:/([^/]+))?", address)
    if found is None:
        raise InputError(
            f"the address '{address}' is not an emulated processor",
            f"it looks like {EmulatorDevice.ADDRESS}, or {EmulatorDevice.ADDRESS}/cortex-a76",
        )
    architecture = architecture_of(found[1])
    cpu = found[2] or architecture.cpus[0]
    if cpu not in architecture.cpus:
        raise UnknownName.among(f"emulated processor of {architecture.name}", cpu, architecture.cpus)
    return architecture, cpu
