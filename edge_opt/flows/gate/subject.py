"""A bundle, a run or an artifact file → what stands at the gate: the file, whole and unchanged, and how it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import InputError, RunError, StepFailed
from edge_opt.flows import promises
from edge_opt.flows.asked import load_report
from edge_opt.flows.given import CHECK, SUFFIXES, entry_of, files_of
from edge_opt.results.report import words
from edge_opt.store import measure, measure_files
from edge_opt.types import Entry, Measured, Report, Subject, Target


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What was found at a path, before it was opened."""

    kind: str
    entry: Entry
    files: Mapping[str, Path]  # under the names that they have in a run
    threads: int = 0
    version: str = ""  # of the runtime that it was measured with
    report: Report | None = field(default=None, repr=False)


def subject_of(
    path: Path,
    target: Target,
    device: registry.Device,
    *,
    runtime: str = "",
    threads: int = 0,
    any_version: bool = False,
) -> tuple[Subject, Report | None]:
    """What is at ``path``, and its report where it is a run; ``threads=0`` takes what it was measured with.

    It is opened once. Raises InputError where it is none of the three, RunError where it is damaged, was changed since,
    or was measured with another version of the runtime than is installed here, unless ``any_version``.
    """
    given = _given(path, target, runtime)
    sha256, size_bytes, compressed_bytes = measure_files(given.files)
    count = threads or given.threads or target.threads[0]
    job = {"protocol": 1, "mode": "describe", "artifacts": [given.entry.job()], "threads": count}
    try:
        version = str(device.run(job)["runtime_version"])
    except StepFailed as error:
        raise type(error)(f"'{path}' cannot be run: {error.message}", error.hint or CHECK) from error
    if given.version and given.version != version and not any_version:
        raise RunError(
            f"'{path}' was measured with {given.version}, here runs {version}: a gate compares artifacts, not runtimes",
            "install that version, or allow it with --any-version",
        )
    subject = Subject(
        name=str(path),
        kind=given.kind,  # type: ignore[arg-type]
        path=given.entry.path,
        format=SUFFIXES[given.entry.path.suffix],
        runtime=given.entry.runtime,
        runtime_version=version,
        options=given.entry.options,
        threads=count,
        sha256=sha256,
        size_bytes=size_bytes,
        compressed_bytes=compressed_bytes,
    )
    return subject, given.report


def entry(subject: Subject) -> Entry:
    """What a worker is told to run."""
    return Entry(path=subject.path, runtime=subject.runtime, options=subject.options)


def _given(path: Path, target: Target, runtime: str) -> _Given:
    if not path.exists():
        raise InputError(
            f"there is nothing at '{path}'", "give a bundle, a run folder, or a .tflite, .onnx or .xml file"
        )
    if (path / "bundle.json").is_file():
        return _bundle(path)
    if (path / "report.json").is_file() or (path / "jobs.jsonl").is_file():
        return _run(path)
    if path.is_dir():
        raise InputError(
            f"'{path}' is neither a bundle nor a run", "give the folder that 'edge-opt optimize' wrote, or its bundle"
        )
    found = entry_of(path, target, runtime)
    return _Given(kind="artifact", entry=found, files=files_of(path))


def _bundle(folder: Path) -> _Given:
    promise = promises.read(folder)
    checked = promises.files(promise)
    if checked.status == "broken":
        raise RunError(f"the bundle '{folder}' is damaged: {checked.message}", "copy it again, or export it again")
    found = Entry(path=promise.model, runtime=promise.runtime, options=promise.options)
    return _Given(
        kind="bundle",
        entry=found,
        files=files_of(promise.model),
        threads=promise.threads,
        version=promise.timing.get("runtime_version", ""),
    )


def _run(folder: Path) -> _Given:
    report = load_report(folder)
    best = words.trial(report, report.best)
    path = folder / best.artifact.path
    if not path.is_file():
        raise RunError(f"'{path}', the best artifact of the run, is missing", "copy the run again, or make it again")
    if measure(path.parent)[0] != best.artifact.sha256:
        raise RunError(f"'{path}' is not the artifact that its run reports: it has changed", "copy the run again")
    return _Given(
        kind="run",
        entry=Entry(path=path, runtime=best.runtime, options=best.options),
        files={one.relative_to(path.parent).as_posix(): one for one in path.parent.rglob("*") if one.is_file()},
        threads=report.threads,
        version=best.measured.runtime_version if isinstance(best.measured, Measured) else "",
        report=report,
    )
