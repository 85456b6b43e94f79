"""Boards as fixtures: a new one for each test, with what `edge-opt device setup` put on the first of its kind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.device import boards, debian
from tests.device.at_length import at_length
from tests.device.sshd import SERVER, Board

MakeBoard = Callable[..., Board]
HOST = "host"


def obstacle(kind: str) -> str | None:
    """Why there can be no such board here, in a sentence that says what to do; None when there can."""
    missing = [one for one in ("ssh", "ssh-keygen") if not shutil.which(one)]
    if missing or (kind == HOST and not SERVER.exists()):
        return "a board needs openssh-client and openssh-server: install the Debian packages in .ci/debian-packages"
    return None if kind == HOST else debian.obstacle()


@pytest.fixture
def make_board() -> Iterator[MakeBoard]:
    """What starts a board: ``make_board("arm64", online=False)``; it is gone when the test ends."""
    with ExitStack() as stack:

        def make(kind: str = HOST, **given: Any) -> Board:
            if reason := obstacle(kind):
                pytest.skip(reason)
            return stack.enter_context(boards.KINDS[kind](**given))

        yield make


@pytest.fixture(scope="session")
def set_up(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """What gives the folder that ``edge-opt device setup`` leaves on a board of a kind, made once."""
    made: dict[str, Path] = {}

    def of(kind: str) -> Path:
        if kind not in made:
            with boards.KINDS[kind](online=False) as board:
                runtime = "tflite-runtime" if kind == "armhf" else "litert"
                command = [sys.executable, "-m", "edge_opt", "device", "setup", board.address, "--runtime", runtime]
                done = subprocess.run(command, env=board.user_environment(), capture_output=True, text=True)
                assert not done.returncode, done.stderr
                folder = tmp_path_factory.mktemp("set-up") / kind
                subprocess.run(["cp", "-a", str(board.home / ".edge-opt"), str(folder)], check=True)
                made[kind] = folder
        return made[kind]

    return of


@pytest.fixture
def make_ready(make_board: MakeBoard, set_up: Callable[[str], Path]) -> MakeBoard:
    """What starts a board that is set up for litert (tflite-runtime on armhf)."""

    def make(kind: str = HOST, **given: Any) -> Board:
        board = make_board(kind, **given)
        subprocess.run(["cp", "-a", str(set_up(kind)), str(board.home / ".edge-opt")], check=True)
        return board

    return make


@pytest.fixture(params=[HOST, pytest.param("arm64", marks=at_length)])
def board(request: pytest.FixtureRequest, make_ready: MakeBoard) -> Board:
    """A board that is set up: this machine, and an emulated Raspberry Pi."""
    return make_ready(request.param)


@pytest.fixture
def host_board(make_ready: MakeBoard) -> Board:
    """A board that is this machine, set up: as fast as that."""
    return make_ready(HOST)


@pytest.fixture
def armhf_board(make_ready: MakeBoard) -> Board:
    """An emulated 32-bit Raspberry Pi that is set up."""
    return make_ready("armhf")
