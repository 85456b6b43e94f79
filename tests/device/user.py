"""What a user does with a board: types a command, reads what it says."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.device.sshd import Board
from tests.fixtures import tiny

CHECKOUT = Path(__file__).resolve().parents[2]
TINY = tiny.FILES["tflite"]
# edge-opt, but for how long it looks for a board that vanished: 3 s instead of 90
_IMPATIENT = (
    "from edge_opt.remote import Board; start = Board.__init__;"
    "Board.__init__ = lambda self, address: start(self, address, patience_s=3.0);"
    "from edge_opt.cli.main import main; main()"
)
Done = subprocess.CompletedProcess[str]


def command(*words: str | Path, impatient: bool = False) -> list[str]:
    """The command line of ``edge-opt WORDS``."""
    return [sys.executable, *(("-c", _IMPATIENT) if impatient else ("-m", "edge_opt")), *map(str, words)]


def edge_opt(board: Board, *words: str | Path, impatient: bool = False) -> Done:
    """How ``edge-opt WORDS`` ends for a user of the board."""
    line = command(*words, impatient=impatient)
    return subprocess.run(line, env=board.user_environment(), cwd=CHECKOUT, capture_output=True, text=True)


def begin(board: Board, *words: str | Path, impatient: bool = False) -> subprocess.Popen[str]:
    """``edge-opt WORDS``, begun."""
    line = command(*words, impatient=impatient)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, env=board.user_environment(), cwd=CHECKOUT, text=True, **pipes)


def end(begun: subprocess.Popen[str]) -> Done:
    """How it ended."""
    out, err = begun.communicate()
    return subprocess.CompletedProcess(begun.args, begun.returncode, out, err)


def on(board: Board) -> tuple[str, ...]:
    """The options that name the board."""
    return ("-t", "ssh", "--device", board.address)


def bench(board: Board, *words: str | Path, artifact: Path = TINY, rounds: int = 2) -> tuple[str | Path, ...]:
    """The words that measure the tiny classifier there."""
    return ("bench", artifact, *on(board), "--rounds", str(rounds), "--format", "json", *words)


def said(done: Done) -> Any:
    """The result of a command that went well."""
    assert not done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def refused(done: Done, *words: str, hint: bool = True) -> None:
    """Exit 2 and, of a quiet command, one sentence with one hint, with these words in them, and nothing else.

    Without ``hint``, there need not be one.
    """
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.splitlines()
    parts = [line.split(": ")[0].strip() for line in lines]
    assert parts == ["error", "hint"] or (not hint and parts == ["error"]), done.stderr
    assert not done.stdout
    for word in words:
        assert word in done.stderr, done.stderr


def wait_until(happened: Callable[[], object], seconds: float = 60) -> None:
    """Wait for what the command under test does next."""
    last = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < last, "it did not happen"
        time.sleep(0.02)


def samples_ns(row: Any) -> list[int]:
    """Every latency in a row of ``bench --format json``."""
    return [one for turn in row["measured"]["rounds"] for one in turn["samples_ns"]]


def workers(board: Board) -> list[str]:
    """The workers that run on the board."""
    return [one for one in board.processes() if one.endswith("/worker.py")]
