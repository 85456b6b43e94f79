"""One job in, one answer out: ``python worker.py`` reads a JSON job on stdin and writes one JSON object on stdout.

The format is docs/worker-protocol.md. Nothing else reaches stdout: what libraries print goes to stderr.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
import traceback
from functools import cache, partial
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING or __package__:
    from . import modes, operators, state, sustained
    from .environment import environment
else:
    import modes
    import operators
    import state
    import sustained
    from environment import environment

PROTOCOL = 1
RUNTIMES = {"litert": "litert.py", "onnxruntime": "ort.py", "openvino": "ov.py", "tflite-runtime": "tfl.py"}
_MODES = {
    "time": modes.time_one,
    "sustain": sustained.sustain,
    "pair": modes.pair,
    "several": modes.several,
    "count": modes.count,
    "predict": modes.predict,
    "profile": operators.profile,
    "describe": modes.describe,
}
_ANY = 2**31
_ARTIFACTS = {"pair": (2, 2), "count": (1, 2), "several": (1, _ANY)}  # at least, at most; the others take one
_FILES = {"predict": ("inputs", "outputs")}
_LONGEST = 300


class JobError(Exception):
    """Why a job has no answer; ``stage`` is job, import, load, run, memory or disk."""

    def __init__(self, stage: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.answer = {"stage": stage, "message": message, **more}


def answer_to(job: dict[str, Any]) -> dict[str, Any]:
    """The answer to ``job``. Raises JobError."""
    if job.get("protocol") != PROTOCOL:
        raise JobError("job", f"this worker speaks protocol {PROTOCOL}, not {job.get('protocol')!r}")
    mode = job.get("mode")
    if mode == "environment":
        return {"environment": environment(), "state": {"elapsed_s": 0.0, **state.look(whole=True)}}
    if mode not in _MODES:
        raise JobError("job", f"there is no mode {mode!r}; known: {', '.join((*_MODES, 'environment'))}")
    _check(job, mode)
    described = environment()  # before the work: its load average is what the job found, not what it made
    try:
        answer = _MODES[mode](job, lambda index: load(job["artifacts"][index], job.get("threads", 1)))
    except JobError:
        raise
    except Exception as error:
        raise _failed("run", error) from error
    return {**answer, "environment": described}


def _check(job: dict[str, Any], mode: str) -> None:
    artifacts = job.get("artifacts", ())
    least, most = _ARTIFACTS.get(mode, (1, 1))
    if not least <= len(artifacts) <= most:
        taken = str(least) if least == most else f"at least {least}" if most == _ANY else f"{least} or {most}"
        raise JobError("job", f"mode '{mode}' takes {taken} of 'artifacts', not {len(artifacts)}")
    absent = [name for name in _FILES.get(mode, ()) if name not in job]
    absent += [name for artifact in artifacts for name in ("path", "runtime") if name not in artifact]
    if absent:
        raise JobError("job", f"mode '{mode}' needs '{absent[0]}'")


def load(artifact: dict[str, Any], threads: int) -> modes.Loaded:
    """The artifact, opened by its runtime. The clock of ``load_ns`` starts when the runtime's package is imported."""
    module = _runtime(artifact)
    try:
        if hasattr(module, "package"):
            module.package()
    except ModuleNotFoundError as error:
        raise JobError("import", str(error.name), install=getattr(module, "INSTALL", "")) from error
    except Exception as error:
        raise JobError("load", f"its runtime does not start: {sentence(error)}") from error
    path = artifact["path"]
    if not Path(path).exists():
        raise JobError("load", f"there is no file '{path}'")
    given = (path, threads, artifact.get("options", {}))
    start = time.perf_counter_ns()
    try:
        session = module.open(*given)
    except Exception as error:
        raise _failed("load", error) from error
    elapsed_ns = time.perf_counter_ns() - start
    profile = partial(module.profile, *given) if hasattr(module, "profile") else None
    return modes.Loaded(artifact["runtime"], session, elapsed_ns, profile)


def _runtime(artifact: dict[str, Any]) -> Any:
    """The runtime's module, run from its file: one beside this script, or the file that the job names as ``module``."""
    file = artifact.get("module") or RUNTIMES.get(artifact["runtime"])
    if file is None:
        raise JobError("job", f"there is no runtime '{artifact['runtime']}'; known: {', '.join(RUNTIMES)}")
    return _module(file, artifact["runtime"])


@cache
def _module(file: str, name: str) -> Any:
    """The module in ``file``, once for all artifacts: Python calls the second of two equal functions more slowly."""
    spec = util.spec_from_file_location(f"edge_opt_runtime_{Path(file).stem}", Path(__file__).parent / file)
    if spec is None or spec.loader is None:
        raise JobError("job", f"'{file}' is no Python file")
    module = util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise JobError("load", f"its runtime '{name}' does not start: {sentence(error)}") from error
    return module


def _failed(stage: str, error: Exception) -> JobError:
    if isinstance(error, MemoryError):
        stage = "memory"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        stage = "disk"
    return JobError(stage, sentence(error))


def sentence(error: BaseException) -> str:
    """What a library said, in one line of bearable length; its type where it said nothing."""
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def main() -> NoReturn:
    """Read the job, write the answer, and leave without the runtimes' clean-up, which is slow and may crash."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    status = 0
    try:
        try:
            job = json.load(sys.stdin)
        except ValueError as error:
            raise JobError("job", f"the job is no JSON: {error}") from error
        if not isinstance(job, dict):
            raise JobError("job", "the job is no JSON object")
        answer = answer_to(job)
    except JobError as error:
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        answer, status = {"error": {**error.answer, "traceback": trace}}, 1
    json.dump({"protocol": PROTOCOL, **answer}, out)
    out.close()
    sys.stdout.flush()  # what was printed, which goes to stderr
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
