"""The emulated ARM system: set up in the user's cache folder, checked against this machine, removed; no root.

Nothing in it is ever installed: packages are unpacked, and none of their scripts is run.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_opt import registry
from edge_opt.devices import emulator as emulated
from edge_opt.devices.emulator import EmulatorDevice, Record
from edge_opt.errors import DeviceError, EdgeOptError, InputError, MissingPackage, StepFailed
from edge_opt.flows.machines import arm_system, wheels
from edge_opt.flows.machines.availability import Answered, answers
from edge_opt.inputs import parity
from edge_opt.store import dump, room, undisturbed, write_whole
from edge_opt.types import Step, Watch

_ALLOWED = {"int8": 0.0, "float32": 1e-4}
_STEPS = 3
_OTHERWISE = f"set up QEMU {emulated.TRUSTED} or newer, which needs no --qemu, or take another processor by --cpu"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How far the answers of a runtime lie at most from those of this machine, by precision."""

    runtime: str
    version: str
    differences: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """An emulated processor that answers as this machine does, runtime by runtime."""

    arch: str
    cpu: str
    qemu: str  # as "QEMU 10.0.13"
    path: Path  # of the emulated system
    runtimes: tuple[Compared, ...]


def setup(arch: str, watch: Watch, qemu: Path | None = None, cpu: str = "") -> Checked:
    """The emulated system of ``arch``, made in the user's cache folder, after it was checked with ``cpu``.

    One that has the versions of this environment and passes is left as it is. ``qemu`` is a program that is taken
    whatever its version; without it, one of the system that is new enough, else Debian's.

    Raises InputError on a machine that is no place for it, MissingPackage, RunError where the disk is full, StepFailed
    where something cannot be fetched, DeviceError where it fails the check: then nothing of it is left.
    """
    architecture = emulated.architecture_of(arch)
    _require_place()
    named = None if qemu is None else _program(qemu)
    wanted, folder = _wanted(arch), emulated.folder_of(arch)
    with undisturbed(folder, "an emulator", arm_system.NO_ROOM):
        partial = _partial(folder)
        shutil.rmtree(partial, ignore_errors=True)  # of one that was killed
        if found := _working(folder, arch, wanted, named, cpu, watch):
            return found
        try:
            partial.mkdir()
            _tell(watch, f"Debian's Python for {arch}", 0)
            arm_system.unpack_root(arch, partial)
            _tell(watch, "QEMU", 1)
            program = named or arm_system.find_qemu(architecture, partial)
            _tell(watch, ", ".join(wanted), 2)
            wheels.install(tuple(wanted), arm_system.MACHINES[arch], partial / "packages", arm_system.NO_ROOM)
            packages = wheels.versions(tuple(wanted), partial / "packages")
            _write(partial, Record(qemu=str(program), packages=packages, checked={}))
            found = _checked(partial, arch, cpu, None, watch)
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return replace(found, path=folder)


def check(arch: str, watch: Watch, cpu: str = "", qemu: Path | None = None) -> Checked:
    """The runtimes of the emulated ``cpu``, each of which has just answered a small network as it does here.

    int8 answers are the same to the bit, float32 ones within 1e-4. The runtime of armhf does without XNNPACK, so it is
    held against answers that were computed on x86 without it. ``qemu`` stands in for the one that was set up.

    Raises MissingPackage where nothing is set up, and DeviceError where it computes incorrectly or not at all.
    """
    emulated.architecture_of(arch)
    return _checked(emulated.folder_of(arch), arch, cpu, None if qemu is None else _program(qemu), watch)


def clean(arch: str = "") -> tuple[Path, ...]:
    """The folders of the emulated system of ``arch``, or of all of them, which are gone; none where none was there.

    What a killed setup left goes too. Raises InputError for an architecture that is not emulated.
    """
    asked = [emulated.architecture_of(arch).name] if arch else list(emulated.ARCHITECTURES)
    folders = [emulated.folder_of(one) for one in asked]
    there = tuple(folder for folder in folders if folder.exists() or _partial(folder).exists())
    for folder in there:
        with undisturbed(folder, "an emulator", arm_system.NO_ROOM):
            shutil.rmtree(_partial(folder), ignore_errors=True)
            if folder.exists():
                folder.rename(_partial(folder))  # at once, so that nobody meets a half
                shutil.rmtree(_partial(folder))
    return there


def _partial(folder: Path) -> Path:
    """Where a system is while it is not whole."""
    return folder.with_name(f".{folder.name}.partial")


def _require_place() -> None:
    """Nothing; raises InputError where this machine needs no emulator, or has none."""
    if platform.machine().lower().startswith(("arm", "aarch")):
        raise InputError(
            f"this machine is '{platform.machine()}', so its own runtimes answer as ARM does", "use -t host"
        )
    if sys.platform != "linux":
        raise InputError(
            f"QEMU emulates processors for programs of Linux only, and this system is '{platform.system()}'",
            "work in a Linux virtual machine or container",
        )


def _program(path: Path) -> Path:
    """The QEMU that a user named. Raises InputError where there is none, DeviceError where it is something else."""
    if not path.is_file():
        raise InputError(f"there is no QEMU at '{path}'", "give the program, as --qemu /usr/bin/qemu-aarch64")
    emulated.version_of(path.resolve())
    return path.resolve()


def _wanted(arch: str) -> dict[str, str]:
    """The runtimes → what pip is asked for: the versions of this environment, so that only the processor differs.

    Raises MissingPackage where this environment has none of them.
    """
    asked = {name: wheels.requirement(name) for name in arm_system.MACHINES[arch].runtimes}
    found = {name: one for name, one in asked.items() if one != registry.load("runtimes", name).INSTALL}
    if not found:
        raise MissingPackage(
            "the emulator runs the runtimes of this environment, which has none", "pip install 'edge-opt[litert]'"
        )
    return found


def _working(
    folder: Path, arch: str, wanted: Mapping[str, str], named: Path | None, cpu: str, watch: Watch
) -> Checked | None:
    """What the check finds where ``folder`` is as it would be made; None where it is to be made."""
    try:
        record = emulated.record_of(folder, arch)
        there = {name: record.packages.get(name, "") for name in wanted}
        same = all("==" not in wanted[name] or wanted[name].replace("==", " ") == there[name] for name in wanted)
        program = folder / record.qemu
        usual = named is None and (
            not Path(record.qemu).is_absolute() or emulated.trusted(emulated.version_of(program))
        )
        if same and all(there.values()) and (usual or program == named):
            return _checked(folder, arch, cpu, None, watch)
    except EdgeOptError:  # it is made anew, which says what is wrong where that does not help
        pass
    return None


def _checked(folder: Path, arch: str, cpu: str, qemu: Path | None, watch: Watch) -> Checked:
    """What the check finds with the system in ``folder``, where it then stands that this processor was checked."""
    record = emulated.record_of(folder, arch)
    program = qemu or folder / record.qemu
    cpu = cpu or emulated.architecture_of(arch).cpus[0]
    device = EmulatorDevice(f"emulator://{arch}/{cpu}", folder=folder, qemu=program)
    number = emulated.version_of(program)
    who = f"'{cpu}', emulated by QEMU {number},"
    rows = []
    for done, name in enumerate(record.packages):
        watch(Step(stage="check", what=f"{name} on '{cpu}'", done=done, total=len(record.packages), unit="runtimes"))
        ours = _right(name)
        try:
            theirs = answers(name, device)
        except StepFailed as error:
            raise DeviceError(f"{who} does not run {name}: {error.message}", _OTHERWISE) from error
        rows.append(_compared(name, ours, theirs, who))
    if qemu is None:
        _write(folder, replace(record, checked={**record.checked, cpu: number}))
    return Checked(arch=arch, cpu=cpu, qemu=f"QEMU {number}", path=folder, runtimes=tuple(rows))


def _right(runtime: str) -> Answered:
    """What ``runtime`` answers here; for that of 32-bit ARM, what was computed before without XNNPACK."""
    if runtime == "tflite-runtime":
        return Answered(version="", outputs=parity.without_xnnpack())
    return answers(runtime, registry.load("devices", "local")())


def _compared(name: str, ours: Answered, theirs: Answered, who: str) -> Compared:
    """How far they lie apart. Raises DeviceError where that is too far, or where they are of two versions."""
    if ours.version and ours.version != theirs.version:
        raise DeviceError(
            f"the emulated system has {theirs.version}, and this environment {ours.version}",
            "edge-opt emulator setup makes it anew",
        )
    found = {
        precision: float(np.abs(outputs - ours.outputs[precision]).max())
        for precision, outputs in theirs.outputs.items()
    }
    for precision, difference in found.items():
        if difference > _ALLOWED[precision]:
            raise DeviceError(
                f"{who} computes incorrectly: {precision} answers of {name} lie {difference:.2g} from those here",
                _OTHERWISE,
            )
    return Compared(runtime=name, version=theirs.version, differences=found)


def _tell(watch: Watch, what: str, done: int) -> None:
    watch(Step(stage="set up", what=what, done=done, total=_STEPS, unit="steps"))


def _write(folder: Path, record: Record) -> None:
    with room(folder, arm_system.NO_ROOM):
        write_whole(folder / emulated.RECORD, json.dumps(dump(record), indent=1))
