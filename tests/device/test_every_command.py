"""Every command of the path from an SD card to a table, given as it stands there, against emulated Raspberry Pis.

It takes three quarters of an hour, so it runs where that is asked for, as ``make test-devices`` does.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.device.at_length import at_length
from tests.device.conftest import MakeBoard
from tests.device.sshd import Board
from tests.docs.pages import CHECKOUT, Page

pytestmark = [pytest.mark.device, pytest.mark.slow, pytest.mark.timeout(7200), at_length]

_MODEL = "sys/firmware/devicetree/base/model"
_BY_HAND = ("ssh-keygen", "ssh-copy-id", "ssh ")  # a board of the tests knows its user already
# What the gate decides of an emulated board is chance; and OpenVINO crashes there, which setup says with 2. It runs in
# tests/device/test_emulator.py, where QEMU has the files of /sys that it wants.
_ALLOWED = {"gate": (0, 1, 3), "device": (0, 2)}
_AFTERWARDS = {"bench": "latency", "evaluate": "top1", "optimize": "verdict", "gate": "latency"}


def _commands() -> list[str]:
    """Each shell command of the page, in its order, whole."""
    page = Page(CHECKOUT / "docs/raspberry-pi.md")
    lines = [
        line.partition("  # ")[0].strip()
        for block in page.blocks("sh")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return [line for line in lines if line and not line.startswith(_BY_HAND)]


def _ssh(folder: Path, boards: dict[str, Board]) -> str:
    """The folder of an ``ssh`` that knows every board, each by its port."""
    cases = "".join(f'*" {board.port} "*) exec {board.folder}/bin/ssh "$@" ;;\n' for board in boards.values())
    program = folder / "bin/ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncase " $* " in\n{cases}esac\nexit 255\n')
    program.chmod(0o755)
    return str(program.parent)


def test_every_command_of_the_page_works(make_board: MakeBoard, tmp_path: Path) -> None:
    boards = {"raspberrypi.local": make_board("arm64"), "zero.local": make_board("arm64")}
    (boards["zero.local"].home.parents[1] / _MODEL).write_text("Raspberry Pi Zero 2 W Rev 1.0\0")
    environment = {
        **os.environ,
        "PATH": f"{_ssh(tmp_path, boards)}:{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for name in ("examples", "calibration_data"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    edge_opt = [sys.executable, "-m", "edge_opt"]
    # what the page does not say again for the second board
    first = [*edge_opt, "device", "setup", boards["zero.local"].address, "--runtime", "litert,onnxruntime"]
    commands = [shlex.join(first), *_commands()]
    for command in commands:
        for name, board in boards.items():
            command = command.replace(f"ssh://pi@{name}", board.address)
        words = shlex.split(command)
        words = [*edge_opt, *words[1:]] if words[0] == "edge-opt" else words
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
        said = f"{command}\n{done.stdout}\n{done.stderr}"
        assert done.returncode in _ALLOWED.get(words[3], (0,)), said
        assert not [line for line in done.stdout.splitlines() if "BROKEN" in line and "openvino" not in line], said
        assert _AFTERWARDS.get(words[3], "") in done.stdout, said
        print(said, file=sys.stderr)
    assert not (boards["raspberrypi.local"].home / ".edge-opt").exists()
    assert (tmp_path / "runs/hot/sustained.svg").exists()
