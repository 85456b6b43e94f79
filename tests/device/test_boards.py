"""The boards that the other tests trust: their home is their own, their network what was asked, and they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.device.boards import EmulatedBoard
from tests.device.conftest import MakeBoard, obstacle
from tests.device.keeper import marked
from tests.device.residents import residents
from tests.device.sshd import has_namespaces
from tests.device.user import CHECKOUT, wait_until

pytestmark = pytest.mark.device
KINDS = pytest.mark.parametrize("kind", ["host", "arm64", "armhf"])
WHERE = 'import os, pathlib, platform; print(pathlib.Path.home(), os.path.expanduser("~"), os.getcwd())'


@KINDS
def test_shell_and_python_agree_on_a_home_that_nobody_else_has(kind: str, make_board: MakeBoard) -> None:
    board = make_board(kind)
    (board.home / "here").write_text("yes")
    done = board.run(f"cat here; pwd; echo $HOME; python3 -c '{WHERE}'")
    content, *lines = done.stdout.removeprefix("yes").splitlines()
    homes = {*lines[0].split(), *lines[1].split(), content}
    assert len(homes) == 1
    assert Path.home() not in {Path(one) for one in homes}


@pytest.mark.parametrize(("kind", "machine"), [("arm64", "aarch64"), ("armhf", "armv7l")])
def test_an_emulated_board_is_a_raspberry_pi_whose_state_a_test_may_set(
    kind: str, machine: str, make_board: MakeBoard
) -> None:
    board = make_board(kind)
    assert isinstance(board, EmulatedBoard)
    board.set_temperature(81.2)
    board.set_throttled(0x50005)
    done = board.run("uname -m; vcgencmd measure_temp; vcgencmd get_throttled; cat /sys/firmware/devicetree/base/model")
    assert done.stdout.splitlines() == [
        machine,
        "temp=81.2'C",
        "throttled=0x50005",
        "Raspberry Pi 4 Model B Rev 1.5\0",
    ]


def test_a_board_that_is_offline_has_no_network(make_board: MakeBoard) -> None:
    if not has_namespaces():
        pytest.skip("taking the network from a board needs root: run the device tests as root")
    look = "cat /proc/net/dev | grep -c :"
    assert int(make_board(online=False).run(look).stdout) == 1  # loopback, which is down
    assert int(make_board(online=True).run(look).stdout) > 1


@KINDS
def test_nothing_is_left_of_a_board_whose_test_was_killed(kind: str) -> None:
    if reason := obstacle(kind):
        pytest.skip(reason)
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.device.boards", kind], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout
    folder = Path(started.stdout.readline().partition("PATH=")[2].partition("/bin:")[0])
    address = started.stdout.readline().strip().removeprefix("ssh://")
    client = subprocess.Popen(  # a job that outlives its connection
        [folder / "bin" / "ssh", f"ssh://{address}", "setsid sleep 10000 & sleep 10000"]
    )
    wait_until(lambda: len([one for one in residents() if one.command.endswith("sleep 10000")]) >= 3)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    client.wait()
    wait_until(lambda: not folder.exists(), 20)
    wait_until(lambda: not list(marked(str(folder))), 20)
    wait_until(lambda: not [one for one in residents() if str(folder) in one.command], 20)  # who tidied up goes last
    assert str(folder) not in Path("/proc/self/mounts").read_text()
