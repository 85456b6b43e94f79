"""The reference worker on this machine: what starts it, which variables it sees, and what its answer stands for."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_opt import registry
from edge_opt.errors import InputError, MissingPackage, OutOfMemory, RunError, StepFailed
from edge_opt.limits import Completed

_WORKER = Path(__file__).resolve().parent / "runtimes" / "worker.py"
# What a program needs to start, and what somebody sets for this very purpose. Everything else, as OMP_* or MALLOC_*,
# would make a latency depend on the shell that it was measured from.
_KEPT = ("PATH", "HOME", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")
_KEPT_PREFIXES = ("PYTHON", "LD_", "DYLD_", "QEMU_", "ONEDNN_MAX_CPU_ISA")
_OURS = ("PYTHONPATH", "PYTHONHOME")  # they name our packages, which are not those of another interpreter


@dataclass(frozen=True, kw_only=True)
class Call:
    """A job as a command that a process can be made of."""

    command: tuple[str, ...]
    stdin: bytes
    variables: Mapping[str, str]


def call(job: Mapping[str, Any], command: Sequence[str] | None = None) -> Call:
    """``job`` for the worker that ``command`` starts; without it, for ours, by the interpreter of its runtimes.

    Raises MissingPackage where a runtime's environment is not set up, StepFailed where two need different ones, and
    InputError where a runtime is no module.
    """
    artifacts = [located(one) for one in job.get("artifacts", ())]
    command = command or (_interpreter(artifacts), str(_WORKER))
    return Call(
        command=tuple(command),
        stdin=json.dumps({**job, "artifacts": artifacts}).encode(),
        variables=environment(job.get("threads", 1), command[0]),
    )


def environment(threads: int, interpreter: str = sys.executable) -> dict[str, str]:
    """The variables that a worker sees: the few it needs of ours, and fixed ones."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    if interpreter != sys.executable:
        kept = {name: value for name, value in kept.items() if name not in _OURS}
    return {**kept, **settings(threads)}


def settings(threads: int) -> dict[str, str]:
    """The variables that are the same for every worker, wherever it runs."""
    return {
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",  # numpy's own threads take memory, and no runtime needs them
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "ORT_DISABLE_TELEMETRY": "1",  # it would also write to ~/.cache/Microsoft
    }


def answer(ended: Completed) -> dict[str, Any]:
    """The answer in what the worker wrote.

    Raises what its error stands for: MissingPackage where the runtime is not installed, RunError where the disk is
    full, OutOfMemory, StepFailed with the runtime's own words for the rest. What the worker printed is a note of it.
    """
    try:
        found = json.loads(ended.stdout)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        error = StepFailed(f"its worker ended with status {ended.returncode} and an answer that is no JSON object")
        error.add_note(f"stdout: {ended.stdout[:1000]!r}\nstderr: {ended.stderr}")
        raise error
    if "error" in found:
        failed = _translated(found["error"])
        failed.add_note(f"{found['error'].get('traceback', '')}\n{ended.stderr}".strip())
        raise failed
    return found


def located(artifact: Mapping[str, Any]) -> dict[str, Any]:
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
