"""Artifact files that a user gave → what a worker runs; and a run folder for work that leaves nothing behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import InputError
from edge_opt.store import Run
from edge_opt.types import Entry, Target

_SUFFIXES = {".tflite": "tflite", ".onnx": "onnx", ".xml": "openvino"}


def entry_of(path: Path, target: Target, runtime: str = "") -> Entry:
    """What the worker runs for the artifact at ``path``; its runtime is the target's first that loads the format."""
    if not path.exists():
        raise InputError(f"there is no artifact at '{path}'", "give a .tflite, .onnx or OpenVINO .xml file")
    if path.suffix not in _SUFFIXES:
        raise InputError(f"'{path}' is no artifact that edge-opt runs", "give a .tflite, .onnx or OpenVINO .xml file")
    format = _SUFFIXES[path.suffix]
    for name in (runtime,) if runtime else target.runtimes:
        if format in registry.load("runtimes", name).FORMATS:
            return Entry(path=path, runtime=name)
    if runtime:
        raise InputError(
            f"the runtime '{runtime}' does not load '{path.name}'", "leave --runtime out, or give another one"
        )
    raise InputError(
        f"no runtime of '{target.name}' loads '{path.name}'", f"'edge-opt targets {target.name}' lists its runtimes"
    )


def size_of(path: Path) -> int:
    """Bytes of an artifact: the file, and for OpenVINO the weights beside it."""
    beside = path.with_suffix(".bin") if path.suffix == ".xml" else path
    return path.stat().st_size + (beside.stat().st_size if beside != path and beside.exists() else 0)


@contextmanager
def temporary() -> Iterator[Run]:
    """A run folder that goes at the end; whatever writes to it must have ended before."""
    with tempfile.TemporaryDirectory(prefix="edge-opt-") as folder, Run.start(Path(folder), {}) as run:
        yield run
