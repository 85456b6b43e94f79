"""Functions in processes of their own on this machine, held to a time and a memory limit.

Not ``multiprocessing``: its children import the caller's ``__main__`` again, which runs a script without a guard twice,
and they die with the caller's terminal rather than by our hand. Here the child is this very file, run as a module: it
reads a pickled call on stdin and writes a pickled answer on stdout.
"""

from __future__ import annotations

import errno
import os
import pickle
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from edge_opt.errors import EdgeOptError, MissingPackage, OutOfMemory, RunError, StepFailed
from edge_opt.limits import most_memory_bytes, run_limited
from edge_opt.turns import WAIT_S, turn

_FIXED = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "ORT_DISABLE_TELEMETRY": "1",  # it would also write to ~/.cache/Microsoft
    "PYTHONHASHSEED": "0",  # the same call shall write the same file
    "PYTHONSAFEPATH": "1",  # whatever lies in the current folder is no module, unless it was one to the caller
}
_LONGEST = 300


class ProcessExecutor:
    """At most ``workers`` calls at a time. Leaving it as a context manager ends what still runs.

    Without ``memory_bytes``, a call may use nine tenths of the machine's memory. Calls wait while any edge-opt on this
    machine measures a latency, for at most ``wait_s``; the time that a call may take starts after that.
    """

    def __init__(
        self,
        timeout_s: float | None = None,
        memory_bytes: int | None = None,
        workers: int = 1,
        wait_s: float = WAIT_S,
    ) -> None:
        self._timeout_s = timeout_s
        self._wait_s = wait_s
        self._memory_bytes = memory_bytes or most_memory_bytes()
        self._free = threading.Semaphore(workers)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """The future result of ``function(*arguments)``, both importable and picklable.

        Its exception is the EdgeOptError that was raised, a StepFailed with the last words of the library, or
        DeviceBusy where others measure for too long; the traceback is a note of it.
        """
        call = pickle.dumps((function, arguments))  # here, so that what cannot be sent fails where it was written
        future: Future[Any] = Future()
        # A daemon: should the interpreter exit, it must not wait for a conversion. The process ends with us.
        thread = threading.Thread(target=self._work, args=(call, future), daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()
        return future

    def __enter__(self) -> ProcessExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what runs, and let nothing start any more: the futures fail or are cancelled."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, call: bytes, future: Future[Any]) -> None:
        with self._free:
            if self._stop.is_set():
                future.cancel()
            if not future.set_running_or_notify_cancel():
                return
            try:
                answer = self._run(call)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(answer)

    def _run(self, call: bytes) -> Any:
        # what converters leave in the temporary folder goes with the call, also when it was killed
        with (
            turn("shared", wait_s=self._wait_s, stop=self._stop),
            tempfile.TemporaryDirectory(prefix="edge-opt-") as scratch,
        ):
            ended = run_limited(
                [sys.executable, "-m", "edge_opt.executors.process"],
                stdin=call,
                env=_environment(scratch),
                timeout_s=self._timeout_s,
                memory_bytes=self._memory_bytes,
                stop=self._stop,
            )
        if not ended.stdout:
            failed = StepFailed(f"its process ended with status {ended.returncode} and no answer")
            failed.add_note(ended.stderr)
            raise failed
        answer, error, trace = pickle.loads(ended.stdout)
        if error is not None:
            error.add_note(trace)
            raise error
        return answer


def _environment(scratch: str) -> dict[str, str]:
    """Ours, quieted, with the same modules in reach, and without what TFMOT leaves behind for its children."""
    inherited = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    reach = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    return {**inherited, **_FIXED, "PYTHONPATH": reach, "TMPDIR": scratch}


# ── in the child ───────────────────────────────────────────────────────────────────────────────────────────────────


def _answer(call: bytes) -> bytes:
    """The pickled ``(result, None, "")``, or ``(None, error, traceback)``, of a pickled call."""
    try:
        function, arguments = pickle.loads(call)
        return pickle.dumps((function(*arguments), None, ""))
    except BaseException as error:  # SystemExit of a library is no answer either
        return pickle.dumps((None, _translated(error), "".join(traceback.format_exception(error))))


def _translated(error: BaseException) -> EdgeOptError:
    """The error as it crosses: an EdgeOptError as it is, anything else in one sentence."""
    if isinstance(error, EdgeOptError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemory("its process could get no more memory")
    if isinstance(error, ModuleNotFoundError):
        return MissingPackage(
            f"this needs the package '{error.name}', which is not installed", "pip install 'edge-opt[all]'"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(
            f"no room is left on the disk to write '{error.filename or 'a file'}'", "free some, or give another folder"
        )
    return StepFailed(_sentence(error))


def _sentence(error: BaseException) -> str:
    """The first and the last line of what a library said: between them it tends to print its graph."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    words = lines[0] if len(lines) == 1 else f"{lines[0]} … {lines[-1]}"
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _main() -> None:
    """Answer the call on stdin, then leave without the libraries' clean-up, which is slow and may crash."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints goes to stderr
    answer = _answer(sys.stdin.buffer.read())
    out.write(answer)
    out.close()
    sys.stdout.flush()  # what was printed, which goes to stderr
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    _main()
