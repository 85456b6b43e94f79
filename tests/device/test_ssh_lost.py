"""Connections that break, boards that are switched off, and users who press Ctrl-C."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_opt import registry
from edge_opt.errors import TimedOut
from tests.device.sshd import Board
from tests.device.user import (
    TINY,
    begin,
    bench,
    edge_opt,
    end,
    on,
    refused,
    said,
    samples_ns,
    timed,
    wait_until,
    workers,
)
from tests.fixtures import tiny

pytestmark = pytest.mark.device
_SHORT = ("-r", "dynamic_int8", "--rounds", "3", "-q")


def optimize(board: Board, folder: Path) -> tuple[str | Path, ...]:
    """The words of a short run."""
    pictures = tiny.pictures(60)
    if not (folder / "data.npz").exists():
        np.savez(folder / "data.npz", x=pictures, y=tiny.answers(pictures).argmax(axis=1))
    return ("optimize", TINY, *on(board), "-d", folder / "data.npz", "-o", folder / "run", *_SHORT)


def jobs(folder: Path) -> list[str]:
    """The lines of the run's journal."""
    journal = folder / "run" / "jobs.jsonl"
    return journal.read_text().splitlines() if journal.exists() else []


@pytest.mark.parametrize("times", [1, 3])
def test_a_connection_that_breaks_costs_nothing(host_board: Board, times: int) -> None:
    begun = begin(host_board, *bench(host_board, rounds=5))
    for _ in range(times):
        wait_until(lambda: workers(host_board))
        host_board.drop_connections()
        wait_until(lambda: host_board.sessions)
    (row,) = said(end(begun))
    assert len(row["measured"]["rounds"]) == 5
    assert not host_board.processes()


def test_a_network_that_falls_silent_for_half_a_minute_costs_nothing(host_board: Board) -> None:
    begun = begin(host_board, *bench(host_board, rounds=3))
    wait_until(lambda: workers(host_board))
    host_board.hang()
    silent = time.monotonic()
    wait_until(lambda: time.monotonic() - silent > 25)  # ssh gives up after 15
    host_board.resume()
    (row,) = said(end(begun))
    assert len(row["measured"]["rounds"]) == 3


def test_a_board_that_is_off_for_a_moment_begins_the_job_again(host_board: Board) -> None:
    begun = begin(host_board, *bench(host_board, rounds=3))
    wait_until(lambda: workers(host_board))
    host_board.stop()
    host_board.start()
    (row,) = said(end(begun))
    assert len(row["measured"]["rounds"]) == 3


def test_a_board_that_stays_off_is_one_sentence(host_board: Board) -> None:
    begun = begin(host_board, *bench(host_board, "-q", rounds=5), impatient=True)
    wait_until(lambda: workers(host_board))
    host_board.stop()
    refused(end(begun), host_board.user)


def test_a_run_that_lost_its_board_goes_on_and_repeats_nothing(host_board: Board, tmp_path: Path) -> None:
    words = optimize(host_board, tmp_path)
    begun = begin(host_board, *words, impatient=True)
    wait_until(lambda: any("wave 0, round 0 of" in line for line in jobs(tmp_path)))
    host_board.stop()
    refused(end(begun))
    kept = jobs(tmp_path)
    host_board.start()
    done = edge_opt(host_board, *words, "--resume")
    assert not done.returncode, done.stderr
    assert jobs(tmp_path)[: len(kept)] == kept
    keys = [json.loads(line).get("key") for line in jobs(tmp_path)]
    assert len(keys) == len(set(keys)), [key for key in keys if keys.count(key) > 1]
    assert not host_board.processes()


def test_ctrl_c_leaves_no_process_and_no_job_on_the_board(host_board: Board) -> None:
    begun = begin(host_board, *bench(host_board, rounds=50))
    wait_until(lambda: workers(host_board))
    begun.process.send_signal(signal.SIGINT)
    done = end(begun)
    assert done.returncode not in (0, 1)
    assert "Traceback" not in done.stderr
    wait_until(lambda: not host_board.processes(), 15)
    assert not list((host_board.home / ".edge-opt" / "jobs").glob("*"))


def test_two_benches_on_one_board_take_turns(host_board: Board) -> None:
    begun = [begin(host_board, *bench(host_board, rounds=4)) for _ in range(2)]
    most = 0

    def over() -> bool:
        nonlocal most
        most = max(most, len(timed(host_board)))
        return all(one.is_over for one in begun)

    wait_until(over, 300)
    assert most == 1
    for one in begun:
        (row,) = said(end(one))
        assert len(samples_ns(row)) > 0


def test_a_job_over_its_time_is_killed_on_the_board(host_board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", host_board.user_environment()["PATH"])
    device = registry.load("devices", "ssh")(host_board.address, timeout_s=2.0)
    long: dict[str, Any] = {"min_seconds": 600, "min_runs": 1, "max_runs": 10**9, "threads": 1, "seed": 1}
    artifact = {"path": str(TINY), "runtime": "litert", "options": {}}
    with pytest.raises(TimedOut, match=f"2 s on '{host_board.user}@"):
        device.run({"protocol": 1, "mode": "time", "artifacts": [artifact], **long})
    assert not host_board.processes()
    assert not list((host_board.home / ".edge-opt" / "jobs").glob("*"))


def test_a_user_who_is_killed_leaves_a_job_that_ends_by_itself(host_board: Board) -> None:
    begun = begin(host_board, *bench(host_board, rounds=50))
    wait_until(lambda: workers(host_board))
    begun.process.kill()
    end(begun)
    wait_until(lambda: not workers(host_board))
    assert said(edge_opt(host_board, *bench(host_board)))
