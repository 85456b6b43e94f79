"""This machine as a device: each job in a fresh worker process with a fixed environment, one timing at a time."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_opt import registry
from edge_opt.errors import DeviceBusy, InputError, MissingPackage, OutOfMemory, RunError, StepFailed
from edge_opt.limits import Completed, most_memory_bytes, run_limited

_WORKER = Path(__file__).resolve().parent.parent / "runtimes" / "worker.py"
# not TMPDIR, which may differ from shell to shell: all must meet at the same file
_LOCK = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()) / "edge-opt.lock"
_POLL_S = 0.02
_SAY_AFTER_S = 2.0
_SAMPLES_PER_LIMIT = 1000
# What a program needs to start, and what somebody sets for this very purpose. Everything else, as OMP_* or MALLOC_*,
# would make a latency depend on the shell that it was measured from.
_KEPT = ("PATH", "HOME", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")
_KEPT_PREFIXES = ("PYTHON", "LD_", "DYLD_", "QEMU_", "ONEDNN_MAX_CPU_ISA")

_log = logging.getLogger(__name__)


class LocalDevice:
    """Runs worker jobs here, each held to ``timeout_s`` and ``memory_bytes`` (nine tenths of the machine's by default).

    A job that answers many samples may take ``timeout_s`` for each thousand of them.

    ``command`` starts another worker, as one in an environment with other runtimes. Timing jobs of all edge-opt
    processes on this machine wait for each other, and jobs that only compute wait for them: ``wait_s`` says how long, a
    warning is logged when it takes over two seconds.
    """

    def __init__(
        self,
        timeout_s: float | None = 600.0,
        memory_bytes: int | None = None,
        command: Sequence[str] = (sys.executable, str(_WORKER)),
        wait_s: float = 900.0,
    ) -> None:
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes or most_memory_bytes()
        self._command = tuple(command)
        self._wait_s = wait_s

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer to ``job`` (docs/worker-protocol.md).

        Raises Crashed, TimedOut, OutOfMemory, MissingPackage where the runtime is not installed, RunError where the
        disk is full, DeviceBusy where others measure for too long, StepFailed with the runtime's own words for the
        rest. What the worker printed is a note of it.
        """
        asked = {**job, "artifacts": [_located(one) for one in job.get("artifacts", ())]}
        with _turn(job["mode"], self._wait_s):
            ended = run_limited(
                self._command,
                stdin=json.dumps(asked).encode(),
                env=environment(job.get("threads", 1)),
                timeout_s=_limit_s(job, self._timeout_s),
                memory_bytes=self._memory_bytes,
            )
        return _answer(ended)


def environment(threads: int) -> dict[str, str]:
    """The variables that a worker sees: the few it needs of ours, and fixed ones."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    return {
        **kept,
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",  # numpy's own threads take memory, and no runtime needs them
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _limit_s(job: Mapping[str, Any], timeout_s: float | None) -> float | None:
    """How long ``job`` may take: a model of 100 ms is no hang because its test split holds 10,000 pictures."""
    if timeout_s is None or job["mode"] != "predict":
        return timeout_s
    try:
        samples = len(np.load(job["inputs"], mmap_mode="r"))
    except (OSError, ValueError, KeyError, TypeError):  # the worker says what is wrong with it
        return timeout_s
    return timeout_s * max(1, -(-samples // _SAMPLES_PER_LIMIT))


def _located(artifact: Mapping[str, Any]) -> dict[str, Any]:
    """The artifact with the file of its runtime, where that is no neighbour of the worker but another package's."""
    module = registry.load("runtimes", artifact["runtime"])
    file = getattr(module, "__file__", None)
    if file is None:
        raise InputError(
            f"the runtime '{artifact['runtime']}' is no module",
            "a worker runs it from its file: see docs/worker-protocol.md",
        )
    if Path(file).resolve().parent == _WORKER.parent:
        return dict(artifact)
    return {**artifact, "module": str(Path(file).resolve())}


def _answer(ended: Completed) -> dict[str, Any]:
    """The answer in what the worker wrote. Raises what its error stands for."""
    try:
        answer = json.loads(ended.stdout)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        error = StepFailed(f"its worker ended with status {ended.returncode} and an answer that is no JSON object")
        error.add_note(f"stdout: {ended.stdout[:1000]!r}\nstderr: {ended.stderr}")
        raise error
    if "error" in answer:
        failed = _translated(answer["error"])
        failed.add_note(f"{answer['error'].get('traceback', '')}\n{ended.stderr}".strip())
        raise failed
    return answer


def _translated(error: Mapping[str, Any]) -> StepFailed | MissingPackage | RunError:
    stage, message = error.get("stage"), error.get("message", "its worker gives no reason")
    if stage == "import":
        package = error.get("install") or message
        return MissingPackage(
            f"running it needs the package '{message}', which is not installed", f"pip install {package}"
        )
    if stage == "memory":
        return OutOfMemory(f"its process could get no more memory: {message}")
    if stage == "disk":
        return RunError(f"no room is left on the disk: {message}", "free some, or give another folder")
    said = {"load": "could not be loaded", "run": "could not be run"}.get(str(stage), "its worker refused the job")
    return StepFailed(f"{said}: {message}")


@contextlib.contextmanager
def _turn(mode: str, wait_s: float) -> Iterator[None]:
    """A time in which a timing job is alone on this machine; other jobs share theirs, but with no timing.

    By a lock on a file: it is released by the system, also when this process is killed.
    """
    if mode == "environment":
        yield
        return
    with contextlib.ExitStack() as stack:
        try:
            handle = stack.enter_context(_lock_file())
        except OSError as error:
            _log.warning("timing without a lock, so another edge-opt may disturb it: %s", error)
            yield
            return
        kind = fcntl.LOCK_EX if mode in ("time", "pair", "profile") else fcntl.LOCK_SH
        started = time.monotonic()
        while not _locked(handle, kind):
            waited = time.monotonic() - started
            if waited > wait_s:
                raise DeviceBusy(
                    f"another edge-opt has been measuring on this machine for over {wait_s:g} s",
                    "wait for it to end, or end it",
                )
            if waited > _SAY_AFTER_S:
                _say_once()
            time.sleep(_POLL_S)
        yield


@functools.cache
def _say_once() -> None:
    """Say that we wait, once in a process: two runs side by side wait for each other at every job."""
    _log.warning("waiting while another edge-opt measures on this machine; both take longer")


@contextlib.contextmanager
def _lock_file() -> Iterator[int]:
    """The open lock file, which all users of this machine share. Raises OSError where there can be none."""
    try:
        handle = os.open(_LOCK, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        handle = os.open(_LOCK, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
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
