"""Tidies up after a board when the test that started it is gone: killed with -9, even.

Started with the board's folder; reads the ids of processes to kill, one a line, until whoever started it is no more
(or has closed the pipe), kills them and everything that carries the board's mark, and deletes the folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

MARK = "EDGE_OPT_TEST_BOARD"


def marked(folder: str) -> Iterator[int]:
    """The processes that sessions of the board in ``folder`` started, from its mark in their environment."""
    mark = f"{MARK}={folder}".encode()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)


def kill(pid: int) -> None:
    """Kill a process that may be gone, or somebody else's, already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def main(folder: str) -> None:
    """Wait, then tidy."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for line in sys.stdin.read().splitlines():
        kill(int(line))
    for _ in range(3):  # one that was starting another meanwhile
        for pid in marked(folder):
            kill(pid)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
