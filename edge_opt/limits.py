"""A command in a process group of its own, held to a time and a memory limit, that never outlives its parent.

Runtimes and converters crash, hang and eat memory; here that becomes one exception, and nothing stays behind: the whole
group ends with its leader, on Ctrl-C, and also when this process is killed with -9.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from edge_opt.errors import Crashed, OutOfMemory, StepFailed, TimedOut

ALONE = ("time", "pair", "several", "profile", "sustain")  # modes of jobs that nothing else may disturb
_SAMPLES_PER_LIMIT = 1000
_POLL_S = 0.05
_TAIL_BYTES = 4000
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# It reads the group's number, then "done". When this process dies by any means, the pipe closes before that word.
_LAST_WILL = 'read -r group && { read -r done || kill -s KILL -- "-$group"; }'


def most_memory_bytes() -> int:
    """What one process may use before it is better ended: nine tenths of what this machine, or its container, has."""
    total = os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES
    with contextlib.suppress(OSError, ValueError):  # no container, or "max"
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total * 9 // 10


def limit_s(job: Mapping[str, Any], timeout_s: float | None) -> float | None:
    """How long a device lets ``job`` run, whose own limit is ``timeout_s``; None for as long as it takes.

    A job that says how many ``seconds`` it lasts, or may rest before, has them on top. A model of 100 ms is no hang
    because its test split holds 10,000 pictures: a job that answers many samples has the limit for each thousand.
    """
    if timeout_s is None:
        return None
    if job.get("mode") != "predict":
        return timeout_s + float(job.get("seconds", 0)) + float(job.get("rest_seconds", 0))
    try:
        samples = len(np.load(job["inputs"], mmap_mode="r"))
    except (OSError, ValueError, KeyError, TypeError):  # the worker says what is wrong with it
        return timeout_s
    return timeout_s * max(1, -(-samples // _SAMPLES_PER_LIMIT))


@dataclass(frozen=True, kw_only=True)
class Completed:
    """How the command ended: ``stderr`` is the end of it, the peak is as seen every 50 ms (0 where nothing tells)."""

    returncode: int
    stdout: bytes
    stderr: str
    peak_rss_bytes: int


def run_limited(
    command: Sequence[str],
    *,
    stdin: bytes | BinaryIO = b"",
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    memory_bytes: int | None = None,
    stop: threading.Event | None = None,
) -> Completed:
    """What ``command`` wrote and how it exited, whatever the status. Setting ``stop`` ends it from another thread.

    The memory limit holds for the sum over the command and its descendants. It needs Linux's /proc: elsewhere memory
    is not limited.

    Raises TimedOut, OutOfMemory, Crashed where it died from a signal, and StepFailed where it was stopped. All carry
    the end of its stderr as a note.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if isinstance(stdin, bytes):
            given.write(stdin)
            given.seek(0)
        killed_before = _kernel_kills()
        try:
            with _last_will() as bequeath:
                source = given if isinstance(stdin, bytes) else stdin
                process = subprocess.Popen(
                    command, stdin=source, stdout=out, stderr=err, env=env, start_new_session=True
                )
                try:
                    bequeath(process.pid)
                    peak = _watch(process, timeout_s, memory_bytes, stop)
                finally:
                    _end(process)
            if process.returncode < 0:
                raise crash(-process.returncode, _kernel_kills() > killed_before)
        except StepFailed as error:
            if said := _tail(err):
                error.add_note(said)
            raise
        out.seek(0)
        return Completed(returncode=process.returncode, stdout=out.read(), stderr=_tail(err), peak_rss_bytes=peak)


def _watch(
    process: subprocess.Popen[bytes], timeout_s: float | None, memory_bytes: int | None, stop: threading.Event | None
) -> int:
    """The peak memory of the process until it ended by itself. Raises where a limit was passed first."""
    end = None if timeout_s is None else time.monotonic() + timeout_s
    peak = 0
    with _ended(process) as ended:
        while not ended(_POLL_S):
            held = _resident_bytes(process.pid)
            peak = max(peak, held)
            if memory_bytes is not None and held > memory_bytes:
                raise OutOfMemory(f"its process used more memory than its limit of {memory_bytes / 2**20:.0f} MiB")
            if end is not None and time.monotonic() > end:
                raise TimedOut(f"its process took longer than its limit of {timeout_s:g} s")
            if stop is not None and stop.is_set():
                raise StepFailed("its process was stopped before it was done")
    return peak


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[Callable[[float], bool]]:
    """A function that waits so many seconds, or until the process ends, and says whether it has.

    By pidfd where there is one, so that the end is seen at once and without polling; and the process is not yet reaped
    then, so that its group's number cannot have been given to another.
    """
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):

        def by_polling(seconds: float) -> bool:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
            return process.returncode is not None

        yield by_polling
        return
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        yield lambda seconds: bool(poll.poll(seconds * 1000))
    finally:
        os.close(handle)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of the process's group, and reap it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone; macOS says the latter of zombies
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def _last_will() -> Iterator[Callable[[int], None]]:
    """A function that names the process group to be killed should this process die before the block ends.

    A shell of two lines does it, in a session of its own: it costs a millisecond, needs nothing of the command, and
    unlike ``PR_SET_PDEATHSIG`` it reaches the command's children and works on every Unix.
    """
    heir = subprocess.Popen(
        ["/bin/sh", "-c", _LAST_WILL],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        bufsize=0,
    )
    assert heir.stdin is not None
    pipe = heir.stdin
    try:
        yield lambda group: _write(pipe, f"{group}\n")
    finally:
        _write(pipe, "done\n")
        pipe.close()
        heir.wait()


def _write(pipe: IO[bytes], text: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # somebody killed the shell: nothing to tell it any more
        pipe.write(text.encode())


def crash(number: int, by_kernel: bool) -> StepFailed:
    """The error for a death by signal ``number``; the kernel's own count tells whether memory ran out."""
    if number == signal.SIGKILL and by_kernel:
        return OutOfMemory("the system killed its process because the memory of the machine ran out (SIGKILL)")
    if number == signal.SIGKILL:
        return Crashed("its process was killed from outside (SIGKILL), perhaps because memory ran out")
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return Crashed(f"its process died from {name} ({(signal.strsignal(number) or 'unknown').lower()})")


def _kernel_kills() -> int:
    """How many processes the kernel has killed for want of memory since it started; 0 where it does not say."""
    try:
        counters = Path("/proc/vmstat").read_text().split()
        return int(counters[counters.index("oom_kill") + 1])
    except (OSError, ValueError):
        return 0


def _resident_bytes(pid: int) -> int:
    """The resident memory of a process and its descendants; pages that they share count once for each."""
    total, seen, waiting = 0, set[int](), [pid]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        # a process may end between two looks, and /proc is not there on every system
        with contextlib.suppress(OSError, IndexError):
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE_BYTES
            for thread in os.listdir(f"/proc/{one}/task"):
                waiting.extend(int(child) for child in Path(f"/proc/{one}/task/{thread}/children").read_text().split())
    return total


def _tail(stream: IO[bytes]) -> str:
    stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL_BYTES))
    return stream.read().decode(errors="replace").strip()
