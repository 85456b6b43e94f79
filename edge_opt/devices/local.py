"""This machine as a device: each job in a fresh worker process with a fixed environment, one timing at a time."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_opt import registry
from edge_opt.errors import InputError, MissingPackage, OutOfMemory, RunError, StepFailed
from edge_opt.limits import Completed, most_memory_bytes, run_limited
from edge_opt.turns import WAIT_S, turn

_WORKER = Path(__file__).resolve().parent.parent / "runtimes" / "worker.py"
_SAMPLES_PER_LIMIT = 1000
# What a program needs to start, and what somebody sets for this very purpose. Everything else, as OMP_* or MALLOC_*,
# would make a latency depend on the shell that it was measured from.
_KEPT = ("PATH", "HOME", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")
_KEPT_PREFIXES = ("PYTHON", "LD_", "DYLD_", "QEMU_", "ONEDNN_MAX_CPU_ISA")
_OURS = ("PYTHONPATH", "PYTHONHOME")  # they name our packages, which are not those of another interpreter
_ALONE = ("time", "pair", "several", "profile")


class LocalDevice:
    """Runs worker jobs here, each held to ``timeout_s`` and ``memory_bytes`` (nine tenths of the machine's by default).

    A job that answers many samples may take ``timeout_s`` for each thousand of them.

    A runtime with an environment of its own is run by the interpreter of that; ``command`` starts another worker for
    all. Timing jobs of all edge-opt processes on this machine wait for each other, and jobs that only compute wait for
    them: ``wait_s`` says how long, a warning is logged when it takes over two seconds.
    """

    def __init__(
        self,
        timeout_s: float | None = 600.0,
        memory_bytes: int | None = None,
        command: Sequence[str] | None = None,
        wait_s: float = WAIT_S,
    ) -> None:
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes or most_memory_bytes()
        self._command = command
        self._wait_s = wait_s

    def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer to ``job`` (docs/worker-protocol.md).

        Raises Crashed, TimedOut, OutOfMemory, MissingPackage where the runtime is not installed, RunError where the
        disk is full, DeviceBusy where others measure for too long, StepFailed with the runtime's own words for the
        rest, and for a pair of runtimes that cannot share a process. What the worker printed is a note of it.
        """
        asked = {**job, "artifacts": [_located(one) for one in job.get("artifacts", ())]}
        command = self._command or (_interpreter(asked["artifacts"]), str(_WORKER))
        with _turn(job["mode"], self._wait_s):
            ended = run_limited(
                command,
                stdin=json.dumps(asked).encode(),
                env=environment(job.get("threads", 1), command[0]),
                timeout_s=_limit_s(job, self._timeout_s),
                memory_bytes=self._memory_bytes,
            )
        return _answer(ended)


def environment(threads: int, interpreter: str = sys.executable) -> dict[str, str]:
    """The variables that a worker sees: the few it needs of ours, and fixed ones."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    if interpreter != sys.executable:
        kept = {name: value for name, value in kept.items() if name not in _OURS}
    return {
        **kept,
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",  # numpy's own threads take memory, and no runtime needs them
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "ORT_DISABLE_TELEMETRY": "1",  # it would also write to ~/.cache/Microsoft
    }


def _turn(mode: str, wait_s: float) -> contextlib.AbstractContextManager[None]:
    """The turn that a job of ``mode`` needs: none to look at the machine, else one alone where it is timed."""
    if mode == "environment":
        return contextlib.nullcontext()
    return turn("alone" if mode in _ALONE else "shared", wait_s=wait_s)


def _interpreter(artifacts: Sequence[Mapping[str, Any]]) -> str:
    """The Python that runs them. Raises MissingPackage where there is none, StepFailed where there are two."""
    found = {one["runtime"]: _python(one["runtime"]) for one in artifacts}
    if len(set(found.values())) > 1:
        raise StepFailed(f"{' and '.join(found)} have environments of their own, so they cannot share a process")
    return next(iter(found.values()), sys.executable)


def _python(runtime: str) -> str:
    """The interpreter of ``runtime``: ours, unless it says that another one has it."""
    ask = getattr(registry.load("runtimes", runtime), "python", None)
    found = ask() if ask else sys.executable
    if found is None:
        raise MissingPackage(f"the runtime '{runtime}' is not set up", f"edge-opt runtime add {runtime}")
    return str(found)


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
