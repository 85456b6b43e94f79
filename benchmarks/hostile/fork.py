"""A peer of the process executor and of the local device whose children start with their packages imported.

A fresh process imports TensorFlow for four seconds; a forked one starts at once. The limits, the words of the errors
and what stays behind are those of the product: its own code watches and ends the child. Only the lock of timing jobs is
left out, as no time that is measured here is kept.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import IO, Any

from edge_opt import limits, workers
from edge_opt.devices import local
from edge_opt.errors import StepFailed
from edge_opt.executors import process
from edge_opt.limits import Completed
from edge_opt.runtimes import worker


class Forked:
    """A forked child with the part of ``subprocess.Popen`` that watching it needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its status, negative for a signal. Raises TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            pid, status = os.waitpid(self.pid, 0 if end is None else os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("fork", timeout or 0)
            else:
                time.sleep(0.01)
        return self.returncode


def run_forked(
    work: Callable[[], None], stdin: bytes, env: Mapping[str, str], timeout_s: float, memory_bytes: int
) -> Completed:
    """What ``work`` wrote to its standard output, as :func:`edge_opt.limits.run_limited` has it of a command."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            _become(given, out, err, env)
            try:
                work()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(70)
        child: Any = Forked(pid)
        try:
            peak = limits._watch(child, timeout_s, memory_bytes, None)
        except StepFailed as error:
            error.add_note(limits._tail(err))
            raise
        finally:
            limits._end(child)
        if child.returncode < 0:
            crashed = limits.crash(-child.returncode, False)
            crashed.add_note(limits._tail(err))
            raise crashed
        out.seek(0)
        return Completed(returncode=child.returncode, stdout=out.read(), stderr=limits._tail(err), peak_rss_bytes=peak)


def _become(given: IO[bytes], out: IO[bytes], err: IO[bytes], env: Mapping[str, str]) -> None:
    os.setsid()
    for handle, place in ((given, 0), (out, 1), (err, 2)):
        os.dup2(handle.fileno(), place)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the rest of the process
    os.environ.update(env)
    tempfile.tempdir = None


class ForkExecutor(process.ProcessExecutor):
    """One call at a time, in a child that is forked."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """The future of a call that is over."""
        future: Future[Any] = Future()
        self._work(pickle.dumps((function, arguments)), future)
        return future

    def _run(self, call: bytes) -> Any:
        with tempfile.TemporaryDirectory(prefix="edge-opt-") as scratch:
            ended = run_forked(process._main, call, {"TMPDIR": scratch}, self._timeout_s or 60, self._memory_bytes)
        if not ended.stdout:
            raise StepFailed(f"its process ended with status {ended.returncode} and no answer")
        answer, error, trace = pickle.loads(ended.stdout)
        if error is not None:
            error.add_note(trace)
            raise error
        return answer


class ForkDevice(local.LocalDevice):
    """One job at a time, in a child that is forked."""

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer, as the local device gives it."""
        asked = workers.call(job)
        return workers.answer(
            run_forked(worker.main, asked.stdin, dict(asked.variables), self._timeout_s or 60, self._memory_bytes)
        )
