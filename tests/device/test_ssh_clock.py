"""A board whose clock jumps, as one without a battery does when it finds the time in the network."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.device.sshd import Board
from tests.device.user import begin, bench, end, said, samples_ns, wait_until

pytestmark = pytest.mark.device
FAKETIME = [*Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]
# A worker sees nothing of a session's environment: it begins itself again, below libfaketime.
_WORKER = """\
import os, sys, time
if "LD_PRELOAD" not in os.environ:
    os.execve(sys.executable, sys.orig_argv, {{**os.environ, **{faked!r}}})
def tell():
    with open({told!r}, "a") as file:
        file.write(f"{{time.time():.0f}}\\n")
import atexit
atexit.register(tell)
tell()
"""
# libfaketime cannot do what time.sleep of Python 3.11 asks for, and who keeps a worker sleeps
_KEEPER = """\
import time
real = time.time
time.time = lambda: real() + 3600 * int(open({clock!r}).read().strip().rstrip("h"))
"""


@pytest.mark.skipif(not FAKETIME, reason="setting a board's clock needs 'faketime': apt install faketime")
def test_a_clock_that_jumps_by_hours_and_years_changes_no_latency(host_board: Board) -> None:
    home = host_board.run("pwd").stdout.strip()
    clock, told = f"{home}/clock", f"{home}/told"
    faked = {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME_TIMESTAMP_FILE": clock,
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    (host_board.home / "clock").write_text("+0h\n")
    packages = next((host_board.home / ".edge-opt").glob("packages-*"))
    (packages / "sitecustomize.py").write_text(_WORKER.format(faked=faked, told=told))
    (host_board.home / "jump").mkdir()
    (host_board.home / "jump" / "sitecustomize.py").write_text(_KEEPER.format(clock=clock))
    host_board.set_variable("PYTHONPATH", f"{home}/jump")

    begun = begin(host_board, *bench(host_board, rounds=5))
    hours = itertools.cycle([-5, 3, 24 * 4000, 0, -1])

    def jump() -> bool:
        (host_board.home / "clock.new").write_text(f"{next(hours):+d}h\n")
        (host_board.home / "clock.new").rename(host_board.home / "clock")
        return begun.is_over

    wait_until(jump, 300)
    (row,) = said(end(begun))
    times = [int(line) for line in (host_board.home / "told").read_text().split()]
    assert max(times) - min(times) > 3600
    assert len(row["measured"]["rounds"]) == 5
    assert all(0 < one < 10**9 for one in samples_ns(row))
