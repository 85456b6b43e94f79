"""Ctrl-C, kill -9 and a full disk: what was finished is kept, nothing goes on running, the run can be resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path

pytestmark = pytest.mark.slow

RECIPES = ("-r", "float32", "-r", "dynamic_int8", "--rounds", "6", "--no-diagnosis")


def optimize(folder: Path, *more: str) -> list[str]:
    model, data = shared_path(DEMO_MODEL), shared_path(DEMO_DATA)
    return [
        sys.executable, "-m", "edge_opt", "optimize", str(model), "-d", str(data), "-o", str(folder), *RECIPES, *more
    ]  # fmt: skip


def jobs(folder: Path) -> list[str]:
    journal = folder / "jobs.jsonl"
    lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
    return [json.loads(line)["key"] for line in lines[1:] if line.endswith("\n")]


def wait_for(folder: Path, word: str, process: subprocess.Popen[str]) -> None:
    """Until a job of that kind is finished."""
    end = time.monotonic() + 300
    while not any(word in key for key in jobs(folder)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"no '{word}' within five minutes"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """The processes that ``pid`` has started and that are still there."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_a_run_that_was_ended_is_resumed_without_repeating_what_was_finished(
    tmp_path: Path, kill: signal.Signals
) -> None:
    folder = tmp_path / "run"
    process = subprocess.Popen(
        optimize(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a shell that starts the tests in the background lets them, and so their children, ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(folder, "round 1", process)
    started = children(process.pid)
    process.send_signal(kill)
    stdout, stderr = process.communicate(timeout=30)
    assert not stdout
    if kill == signal.SIGINT:
        assert process.returncode == 2
        assert "error: interrupted" in stderr
        assert "--resume" in stderr
        assert "Traceback" not in stderr
    time.sleep(1)
    assert not [
        pid for pid in started if Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text()
    ]
    kept = jobs(folder)
    assert any("round 1" in key for key in kept)

    again = subprocess.run(optimize(folder, "--resume"), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    whole = jobs(folder)
    assert whole[: len(kept)] == kept
    assert len(whole) == len(set(whole))
    assert (folder / "report.json").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB, which a run fills."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], capture_output=True, check=False
        ).returncode
    )
    if not mounted:
        pytest.skip("a small disk takes the right to mount one: run this test as root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_one_sentence_and_keeps_the_journal(small_disk: Path) -> None:
    done = subprocess.run(optimize(small_disk / "run"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert not done.stdout
    assert "no room is left" in done.stderr
    assert "Traceback" not in done.stderr
    assert (small_disk / "run" / "jobs.jsonl").exists()
