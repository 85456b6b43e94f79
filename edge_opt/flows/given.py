"""Artifact files that a user gave → what a worker runs; and a run folder for work that leaves nothing behind."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import EdgeOptError, InputError, MissingPackage, RunError, UnknownName
from edge_opt.inputs import targets
from edge_opt.nets.artifact_files import files_of
from edge_opt.store import Run, measure_files, parse_answer
from edge_opt.types import Entry, Environment, Target

SUFFIXES = {".tflite": "tflite", ".onnx": "onnx", ".xml": "openvino"}
CHECK = "check that it is a whole artifact of this format"  # the hint where one cannot be loaded
_MODELS = {".keras", ".h5", ".hdf5"}
_POINTER = b"version https://git-lfs"
_FINISHED = "finished"  # in the journal of a run that may go on
_GIVE = "give a .tflite, .onnx or OpenVINO .xml file"


def entry_of(path: Path, target: Target, runtime: str = "") -> Entry:
    """What the worker runs for the artifact at ``path``; its runtime is the target's first that loads the format."""
    return entries_of(path, target, (runtime,) if runtime else ())[0]


def entries_of(path: Path, target: Target, runtimes: Sequence[str] = ()) -> tuple[Entry, ...]:
    """The same with each of ``runtimes`` that loads the format. Raises InputError where there is none."""
    if not path.exists():
        raise InputError(f"there is no artifact at '{path}'", _GIVE)
    if path.suffix not in SUFFIXES:
        model = path.is_dir() or path.suffix.lower() in _MODELS
        hint = f"make one of it: edge-opt convert {shlex.quote(str(path))} --to tflite" if model else _GIVE
        raise InputError(f"'{path}' is not an artifact that edge-opt can run", hint)
    _require_content(path)
    format = SUFFIXES[path.suffix]
    able = [name for name in runtimes or target.runtimes if format in registry.load("runtimes", name).FORMATS]
    if able:
        return tuple(Entry(path=path, runtime=name) for name in (able if runtimes else able[:1]))
    if runtimes:
        named = f"the runtime '{runtimes[0]}' does" if len(runtimes) == 1 else f"{' and '.join(runtimes)} do"
        raise InputError(f"{named} not load '{path.name}'", "leave --runtime out, or give another one")
    raise InputError(
        f"no runtime of '{target.name}' loads '{path.name}'", f"'edge-opt targets {target.name}' lists its runtimes"
    )


def _require_content(path: Path) -> None:
    """Nothing; raises InputError for a file that no runtime has to open to know that it is none of its own."""
    if path.is_dir() or not os.access(path, os.R_OK):
        return
    with path.open("rb") as file:
        head = file.read(len(_POINTER))
    if not head:
        raise InputError(f"'{path}' is empty", "build or copy it again")
    if head == _POINTER:
        raise InputError(
            f"'{path}' is a Git LFS pointer, not the artifact itself",
            "fetch the artifact: git lfs pull, or in CI 'lfs: true' where the repository is checked out",
        )


def runtimes_of(text: str) -> tuple[str, ...]:
    """The runtimes of a list with commas, each once. Raises UnknownName."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in found:
        if name not in registry.names("runtimes"):
            raise UnknownName.among("runtime", name, registry.names("runtimes"))
    return found


def require_match(target: Target, device: registry.Device) -> None:
    """Nothing; raises InputError where this machine cannot stand for ``target``."""
    machine = environment_of(device)
    if mismatch := targets.mismatch(target, machine):
        other = "ssh" if target.address else "host"
        fitting = [name for name in targets.names() if targets.stands_for(name, machine)]
        this = f"this board is -t {fitting[0]}, and " if fitting else ""
        raise InputError(mismatch, f"{this}-t {other} takes any machine")


def require_times(target: Target, device: registry.Device) -> None:
    """Nothing; raises InputError where the device measures no latency."""
    if "time" not in getattr(device, "MODES", ("time",)):
        raise InputError(
            f"the device of '{target.name}' is emulated, so no time on it is a latency",
            "'edge-opt evaluate' measures accuracy there; for times give a board: -t rpi4 --device ssh://NAME",
        )


def environment_of(device: registry.Device) -> Environment:
    """What the device says of itself."""
    answer = device.run({"protocol": 1, "mode": "environment"})
    found: Environment = parse_answer(Environment, answer.get("environment"))
    return found


@contextmanager
def temporary() -> Iterator[Run]:
    """A run folder that goes at the end; whatever writes to it must have ended before."""
    with tempfile.TemporaryDirectory(prefix="edge-opt-") as folder, Run.start(Path(folder), {}) as run:
        yield run


@contextmanager
def kept(output: str | Path | None, request: Mapping[str, object]) -> Iterator[Run]:
    """The run folder ``output``, gone on with where it was left in the middle; without one, a temporary folder.

    Raises RunError where :func:`finish` was called for it, or it was begun for another ``request``.
    """
    if not output:
        with temporary() as run:
            yield run
        return
    with Run.start(Path(output), request, resume=True) as run:
        if run.finished(_FINISHED):
            raise RunError(f"'{output}' already holds a run", "give another -o to measure again")
        yield run


def finish(run: Run, unmeasured: Iterable[object] = ()) -> None:
    """The ``run`` is not gone on with any more; unless it lacked a package, since that may be installed."""
    if not any(isinstance(why, MissingPackage) for why in unmeasured):
        run.append(_FINISHED, True)


def fingerprint(path: Path) -> str:
    """The hash of all files of the artifact; "" where they cannot be had: whoever opens it says so."""
    try:
        return measure_files(files_of(path))[0]
    except (EdgeOptError, OSError):
        return ""
