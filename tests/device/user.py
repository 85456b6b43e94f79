"""What a user does with a board: types a command, reads what it says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests import beside
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


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A command that runs, and the files that it writes to: a pipe that nobody reads yet would stop it."""

    process: subprocess.Popen[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    @property
    def is_over(self) -> bool:
        """Whether it ended."""
        return self.process.poll() is not None


def begin(board: Board, *words: str | Path, impatient: bool = False) -> Begun:
    """``edge-opt WORDS``, begun."""
    line = command(*words, impatient=impatient)
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes them
    environment = board.user_environment()
    process = subprocess.Popen(
        line,
        env=environment,
        cwd=CHECKOUT,
        stdout=out,
        stderr=err,
        # a shell that starts the tests in the background lets them, and so their children, ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    return Begun(process=process, stdout=out, stderr=err)


def end(begun: Begun) -> Done:
    """How it ended."""
    code = begun.process.wait()
    said = []
    for file in (begun.stdout, begun.stderr):
        with file:
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess(begun.process.args, code, *said)


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
    parts = [line.split(": ")[0].strip() for line in beside.told(done.stderr)]
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


def timed(board: Board) -> set[int]:
    """The workers that are timing something, all at the same moment."""

    def mode(process: int) -> str:
        try:
            return str(json.loads(Path(f"/proc/{process}/fd/0").read_text())["mode"])
        except (OSError, ValueError):  # it has just ended
            return ""

    return {one for one in workers(board) if mode(one) == "time"} & workers(board)


def workers(board: Board) -> set[int]:
    """The workers that run on the board, all at the same moment."""

    def seen() -> set[int]:
        return {one.pid for one in board.residents() if one.command.endswith("worker.py")}

    return seen() & seen()  # a look takes a while: one may have ended before another of the same look began
