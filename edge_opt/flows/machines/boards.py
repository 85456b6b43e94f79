"""A board behind SSH: made ready once, looked at, and left as it was."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_opt import registry
from edge_opt.errors import DeviceError, DeviceLost, EdgeOptError, InputError, UnknownName
from edge_opt.flows.machines import wheels
from edge_opt.flows.machines.availability import prove
from edge_opt.remote import Board, Member, Parcel, address_of
from edge_opt.stages import board_state
from edge_opt.store import parse_answer
from edge_opt.types import DeviceState, Environment, Finding, Step, Watch

OLDEST_PYTHON = (3, 9)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One runtime on the board: its version there, and what is wrong with it; "" where it answers right."""

    name: str
    version: str
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a board is, and what edge-opt has on it."""

    address: str
    machine: Environment
    system: str
    python: str
    glibc: str
    free_bytes: int
    taken_bytes: int  # by edge-opt
    folder: str
    state: DeviceState
    findings: tuple[Finding, ...]  # what would spoil a measurement just now
    runtimes: tuple[Tried, ...]
    left_out: Mapping[str, str]  # runtimes that have no wheel for it, and why

    @property
    def works(self) -> bool:
        """Whether there are runtimes, and each of them answers right."""
        return bool(self.runtimes) and not any(one.problem for one in self.runtimes)


def setup(address: str, runtimes: Sequence[str], watch: Watch) -> Checked:
    """The board with the worker and the runtimes on it, each proved by a model; all of them by default.

    The wheels are fetched here, so that the board needs no internet; what it has already is not sent again. Raises
    InputError for a board that no runtime fits, DeviceError for one that cannot be used.
    """
    board = Board(address_of(address))
    watch(Step(stage="set up", what="look at the board", done=0, total=2, unit="steps"))
    said = board.describe()
    machine = _machine_of(said, board)
    chosen = _chosen(runtimes, machine)
    with tempfile.TemporaryDirectory(prefix="edge-opt-wheels-") as name:
        folder = Path(name) / "packages"
        what = f"fetch {', '.join(chosen)} for {machine.architecture}"
        watch(Step(stage="set up", what=what, done=1, total=2, unit="steps"))
        left_out = wheels.install_fitting(chosen, machine, folder)
        held = wheels.versions(chosen, folder)
        members = tuple(Member.of(name, path) for name, path in wheels.files_in(folder).items())

        def told(arrived: int, total: int) -> None:
            size, whole = arrived // 2**20, max(1, total // 2**20)
            watch(Step(stage="send", what="the runtimes", done=size, total=whole, unit="MiB"))

        packages = board.send(Parcel(kind="packages", members=members), told)
    board.use(packages, held)
    return _checked(address, board, left_out, watch)


def check(address: str, watch: Watch) -> Checked:
    """What the board is and has; each runtime has just run a model there. Raises DeviceError."""
    return _checked(address, Board(address_of(address)), {}, watch)


def clean(address: str) -> tuple[str, int]:
    """The folder of the board that is gone with all that edge-opt had there, and its size in bytes."""
    found = Board(address_of(address)).clean()
    return str(found["folder"]), int(found["removed_bytes"])


def _checked(address: str, board: Board, left_out: Mapping[str, str], watch: Watch) -> Checked:
    said = board.describe()
    if not said["packages"]:
        raise DeviceError(f"'{board.address.named}' answers, and is not set up yet", f"edge-opt device setup {address}")
    device = registry.load("devices", "ssh")(address)
    names = sorted(said["runtimes"])
    tried = []
    for done, name in enumerate(names):
        watch(Step(stage="check", what=f"{name} there", done=done, total=len(names), unit="runtimes"))
        tried.append(_tried(name, said["runtimes"][name], device))
    answer = device.run({"protocol": 1, "mode": "environment"})
    machine = parse_answer(Environment, answer["environment"])
    state = parse_answer(DeviceState, answer["state"])
    return Checked(
        address=address,
        machine=machine,
        state=state,
        findings=board_state.check_now(state),
        system=said["system"],
        python=said["python"],
        glibc=" ".join(said["libc"]),
        free_bytes=said["free_bytes"],
        taken_bytes=said["taken_bytes"],
        folder=said["folder"],
        runtimes=tuple(tried),
        left_out=dict(left_out),
    )


def _tried(name: str, version: str, device: registry.Device) -> Tried:
    try:
        return Tried(name=name, version=prove(name, device))
    except DeviceLost:
        raise
    except EdgeOptError as error:  # a full disk too: the rest of the table still says what the board is
        return Tried(name=name, version=version, problem=error.message, hint=error.hint)


def _machine_of(said: Mapping[str, Any], board: Board) -> wheels.Machine:
    """What wheels have to fit. Raises InputError, also where the board lacks what it must bring itself."""
    named = board.address.named
    if tuple(int(part) for part in said["python"].split(".")[:2]) < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise InputError(
            f"'{named}' has Python {said['python']}, and the worker needs {oldest} or newer",
            "install Raspberry Pi OS Bookworm or newer",
        )
    try:
        machine = wheels.machine_of(said["machine"], said["bits"], said["libc"], said["python"])
    except InputError as error:
        raise InputError(f"'{named}' cannot run models: {error.message}", error.hint) from error
    if machine.is_32_bit and not said["numpy"]:
        raise InputError(
            f"'{named}' is a 32-bit system, for which there is no wheel of numpy, and it has none of its own",
            f"{board.address.command} sudo apt install python3-numpy",
        )
    return machine


def _chosen(runtimes: Sequence[str], machine: wheels.Machine) -> tuple[str, ...]:
    for name in runtimes:
        if name not in registry.names("runtimes"):
            raise UnknownName.among("runtime", name, machine.runtimes)
        if name not in machine.runtimes:
            raise InputError(
                f"the runtime '{name}' has no wheel for {machine.architecture}",
                f"it can have: {', '.join(machine.runtimes)}",
            )
    return tuple(dict.fromkeys(runtimes)) or machine.runtimes
