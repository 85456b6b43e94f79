"""A bundle, a run or an artifact file → what stands at the gate: the file, whole and unchanged, and how it is run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import InputError, RunError, StepFailed
from edge_opt.flows import promises
from edge_opt.flows.asked import load_report
from edge_opt.flows.given import CHECK, SUFFIXES, entry_of
from edge_opt.nets.artifact_files import files_of
from edge_opt.results.report import words
from edge_opt.store import measure, measure_files, parse
from edge_opt.types import Entry, Measured, Record, Report, Subject, Target, TensorSpec


@dataclass(frozen=True, kw_only=True)
class Given:
    """What was found at ``path``, before it was opened."""

    path: Path
    kind: str
    entry: Entry
    files: Mapping[str, Path]  # under the names that they have in a run
    threads: int = 0  # that it was measured with; 0 where it was not
    version: str = ""  # of the runtime that it was measured with
    report: Report | None = field(default=None, repr=False)


def subject_of(path: Path, target: Target, device: registry.Device, *, runtime: str = "", threads: int = 0) -> Subject:
    """What is at ``path``, run by whichever version of the runtime is here; ``threads=0`` is what it was measured with.

    Raises what :func:`given_at` and :func:`opened` raise.
    """
    given = given_at(path, target, runtime)
    return opened(given, device, threads or given.threads or target.threads[0], any_version=True)


def given_at(path: Path, target: Target, runtime: str = "") -> Given:
    """What is at ``path``; ``runtime`` is for an artifact file, since the other two name their own.

    Raises InputError where it is none of the three, RunError where it is damaged or was changed since.
    """
    if not path.exists():
        raise InputError(
            f"there is nothing at '{path}'", "give a bundle, a run folder, or a .tflite, .onnx or .xml file"
        )
    if (path / "bundle.json").is_file():
        return _as_asked(_bundle(path), runtime)
    if (path / "report.json").is_file() or (path / "jobs.jsonl").is_file():
        return _as_asked(_run(path), runtime)
    if path.is_dir():
        raise InputError(
            f"'{path}' is neither a bundle nor a run", "give the folder that 'edge-opt optimize' wrote, or its bundle"
        )
    return Given(path=path, kind="artifact", entry=entry_of(path, target, runtime), files=files_of(path))


def opened(given: Given, device: registry.Device, threads: int, *, any_version: bool = False) -> Subject:
    """``given``, after its runtime has opened it once.

    Raises StepFailed where that fails, RunError where it was measured with another version of the runtime than is
    installed here, unless ``any_version``.
    """
    sha256, size_bytes, compressed_bytes = measure_files(given.files)
    job = {"protocol": 1, "mode": "describe", "artifacts": [given.entry.job()], "threads": threads}
    try:
        answer = device.run(job)
    except StepFailed as error:
        raise type(error)(f"'{given.path}' cannot be run: {error.message}", error.hint or CHECK) from error
    version = str(answer["runtime_version"])
    if given.version and given.version != version and not any_version:
        raise RunError(
            f"'{given.path}' was measured with {given.version}, but {version} is installed here: "
            "a gate compares artifacts, not runtimes",
            "install that version, or allow it with --any-version",
        )
    return Subject(
        name=str(given.path),
        kind=given.kind,  # type: ignore[arg-type]
        path=given.entry.path,
        format=SUFFIXES[given.entry.path.suffix],
        runtime=given.entry.runtime,
        runtime_version=version,
        options=given.entry.options,
        threads=threads,
        values=_values(parse(tuple[TensorSpec, ...], answer["inputs"])[0]),
        classes=parse(tuple[TensorSpec, ...], answer["outputs_spec"])[0].shape[-1],
        sha256=sha256,
        size_bytes=size_bytes,
        compressed_bytes=compressed_bytes,
    )


def _values(taken: TensorSpec) -> int | None:
    """How many numbers a sample is, in whichever layout."""
    fixed = [size for size in taken.shape[1:] if size is not None]
    return math.prod(fixed) if len(fixed) == len(taken.shape) - 1 else None


def apart(one: Subject | Record, other: Subject) -> str:
    """How the inputs and outputs of two models differ, as far as their files say; "" where they may be the same."""
    pairs = {"values a sample": (one.values, other.values), "classes": (one.classes, other.classes)}
    return ", ".join(f"{a} {what} against {b}" for what, (a, b) in pairs.items() if a and b and a != b)


def entry(subject: Subject) -> Entry:
    """What a worker is told to run."""
    return Entry(path=subject.path, runtime=subject.runtime, options=subject.options)


def _as_asked(given: Given, runtime: str) -> Given:
    if runtime and runtime != given.entry.runtime:
        raise InputError(
            f"the {given.kind} '{given.path}' is run by {given.entry.runtime}, and --runtime asks for {runtime}",
            f"give the artifact file in it, '{given.entry.path}', to run it by another runtime",
        )
    return given


def _bundle(folder: Path) -> Given:
    promise = promises.read(folder)
    checked = promises.files(promise)
    if checked.status == "broken":
        raise RunError(f"the bundle '{folder}' is damaged: {checked.message}", "copy it again, or export it again")
    found = Entry(path=promise.model, runtime=promise.runtime, options=promise.options)
    return Given(
        path=folder,
        kind="bundle",
        entry=found,
        files=files_of(promise.model),
        threads=promise.threads,
        version=promise.timing.get("runtime_version", ""),
    )


def _run(folder: Path) -> Given:
    report = load_report(folder)
    best = words.trial(report, report.best)
    path = folder / best.artifact.path
    if not path.is_file():
        raise RunError(f"'{path}', the best artifact of the run, is missing", "copy the run again, or make it again")
    if measure(path.parent)[0] != best.artifact.sha256:
        raise RunError(f"'{path}' is not the artifact that its run reports: it has changed", "copy the run again")
    return Given(
        path=folder,
        kind="run",
        entry=Entry(path=path, runtime=best.runtime, options=best.options),
        files={one.relative_to(path.parent).as_posix(): one for one in path.parent.rglob("*") if one.is_file()},
        threads=report.threads,
        version=best.measured.runtime_version if isinstance(best.measured, Measured) else "",
        report=report,
    )
