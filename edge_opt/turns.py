"""Who works on this machine when: a timing alone, everything else together but with no timing; across all processes.

By locks on two files, which the system releases also when a process is killed. Whoever comes waits at the ``gate`` and
keeps it until the ``room`` is theirs. So nobody is overtaken for ever: while a timing stands at the gate, no further
conversion slips in before it, however many are queued, and the other way round.
"""

from __future__ import annotations

import fcntl
import functools
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from edge_opt.errors import DeviceBusy, StepFailed

# Longer than any one conversion may take, so that a timing that waits for one is not given up before it ends.
WAIT_S = 3600.0

# not TMPDIR, which may differ from shell to shell: all must meet at the same files
_ROOM = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()) / "edge-opt.lock"
_POLL_S = 0.02
_SAY_AFTER_S = 2.0
_KINDS = {"alone": fcntl.LOCK_EX, "shared": fcntl.LOCK_SH}

_log = logging.getLogger(__name__)
_waits: list[float] = []


def waited_s() -> float:
    """How long this process has waited for its turns so far, in seconds: what a time limit on its work leaves out."""
    return sum(_waits)


@contextmanager
def turn(
    kind: Literal["alone", "shared"], *, wait_s: float = WAIT_S, stop: threading.Event | None = None
) -> Iterator[None]:
    """A time in which no timing but ours runs on this machine; ``alone``, nothing else of edge-opt runs either.

    Whoever is in a shared turn must not wait for one alone: it would wait for itself. Where there is no place for the
    files, a warning is logged and everybody goes at once.

    Raises DeviceBusy after ``wait_s``, and StepFailed where ``stop`` is set first.
    """
    end = time.monotonic() + wait_s
    with ExitStack() as stack:
        try:
            room = stack.enter_context(_file(_ROOM))
            gate = stack.enter_context(_file(_gate()))
        except OSError as error:
            _log.warning("timing without a lock, so another edge-opt may disturb it: %s", error)
            yield
            return
        begun = time.monotonic()
        _wait(gate, _KINDS[kind], end, wait_s, stop)
        _wait(room, _KINDS[kind], end, wait_s, stop)
        fcntl.flock(gate, fcntl.LOCK_UN)
        _waits.append(time.monotonic() - begun)
        yield


def places() -> tuple[Path, ...]:
    """The files by which turns are taken, whether or not they are there yet."""
    return _ROOM, _gate()


def _gate() -> Path:
    return _ROOM.with_name(_ROOM.name + ".gate")


def _wait(handle: int, kind: int, end: float, wait_s: float, stop: threading.Event | None) -> None:
    """Return when the lock is ours."""
    say_at = time.monotonic() + _SAY_AFTER_S
    while not _locked(handle, kind):
        if stop is not None and stop.is_set():
            raise StepFailed("its process was stopped before it was done")
        if time.monotonic() > end:
            raise DeviceBusy(
                f"another edge-opt has been measuring on this machine for over {wait_s:g} s",
                "wait for it to end, or end it",
            )
        if time.monotonic() > say_at:
            _say_once()
        time.sleep(_POLL_S)


@functools.cache
def _say_once() -> None:
    """Say that we wait, once in a process: two runs side by side wait for each other at every job."""
    _log.warning("waiting while another edge-opt works on this machine; both take longer")


@contextmanager
def _file(path: Path) -> Iterator[int]:
    """The open file, which all users of this machine share. Raises OSError where there can be none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        handle = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        yield handle
    finally:
        os.close(handle)


def _locked(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
