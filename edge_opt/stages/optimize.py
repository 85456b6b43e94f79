"""A float model and a recipe → an artifact in the run folder, proven to load; or the reason why not."""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge_opt import registry
from edge_opt.errors import EdgeOptError, InputError, MissingPackage, OutOfMemory, StepFailed
from edge_opt.store import Cache, Run, Stored, array, code, content, parse_answer, room
from edge_opt.types import Artifact, Candidate, Entry, Failure, Model, Quantization, Source, TensorSpec


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an exporter wrote, in its place in the run folder; ``opened`` names the file that a runtime opens."""

    opened: str
    stored: Stored


@dataclass(frozen=True, kw_only=True)
class Start:
    """What all exports of a run start from.

    ``cache`` may hold artifacts of other runs that started from the very same: ``origin`` names everything that decides
    what is written and that no recipe says, as versions of packages.
    """

    model: Model
    source: Source
    calibration: Path
    origin: Mapping[str, str] = field(default_factory=dict)
    cache: Cache | None = None

    @functools.cached_property
    def samples_sha256(self) -> str:
        """The hash of the calibration samples."""
        return content(self.calibration)


Starts = Mapping[tuple[str, ...], Start]  # by the passes that led there; () is the model that was given


def begin(candidates: Sequence[Candidate], starts: Starts, run: Run, executor: registry.Executor) -> list[Future[Path]]:
    """Start the exports, each in a process of its own; a future holds the file that a runtime opens, in scratch.

    What the cache holds is there at once, and how many that are is told.
    """
    begun = [_begin(one, starts[one.recipe.passes], run, executor) for one in candidates]
    for cache in {start.cache for start in starts.values()}:
        if cache:
            cache.tell_taken(of=len(begun))
    return begun


def _begin(candidate: Candidate, start: Start, run: Run, executor: registry.Executor) -> Future[Path]:
    built = run.scratch(file_name(candidate.export_id))
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir()
    if start.cache:
        with room(run.folder):
            opened = start.cache.take(_made_from(candidate, start), built)
        if opened:
            taken: Future[Path] = Future()
            taken.set_result(built / opened)
            return taken
    return executor.submit(
        _export, candidate.format, start.source, candidate.recipe.quantization, candidate.variant, start.calibration,
        built,
    )  # fmt: skip


def _made_from(candidate: Candidate, start: Start) -> dict[str, Any]:
    """Everything that decides what the export of ``candidate`` writes; samples only where the recipe looks at them."""
    static = candidate.recipe.quantization.mode == "static"
    return {
        "model": start.model.sha256,
        "source": start.source.kind,
        "quantization": candidate.recipe.quantization,
        "format": candidate.format,
        "variant": candidate.variant,
        "calibration": start.samples_sha256 if static else "",
        **start.origin,
        **_code(candidate.format),
    }


def _code(format: str) -> dict[str, str]:
    """The hashes of the modules that convert, of which the exporter may be another package's."""
    exporter = sys.modules[type(registry.load("exporters", format)).__module__]
    return {**code("exporters", "frontends", "nets"), "exporter": content(Path(str(exporter.__file__)))}


def file_name(id: str) -> str:
    """The id of a candidate or an export as the name of a file."""
    return id.replace("/", "-")


def _export(
    format: str, source: Source, quantization: Quantization, variant: str, calibration: Path, out: Path
) -> Path:
    samples = np.load(calibration, mmap_mode="r")
    path: Path = registry.load("exporters", format).export(source, quantization, variant, samples, out)
    return path


def finish(
    candidate: Candidate, export: Future[Path], start: Start, run: Run, device: registry.Device
) -> Artifact | Failure:
    """The artifact, moved to its place and loaded once by its runtime; a Failure where either went wrong."""
    try:
        exported = collect(candidate, export, start, run)
        if isinstance(exported, Failure):
            return exported
        return load(candidate, exported, start.model, start.calibration, run, device)
    except MissingPackage as error:
        return failure(candidate, "export", error)
    except OutOfMemory as error:
        return failure(candidate, "load", error)


def collect(candidate: Candidate, export: Future[Path], start: Start, run: Run) -> Exported | Failure:
    """What the exporter wrote, moved to its place, and kept in the cache; a Failure in its own words.

    Raises MissingPackage and RunError: an installation and a disk are no property of the candidate, and can be mended.
    """
    try:
        opened = export.result()
    except (StepFailed, InputError) as error:
        return failure(candidate, "export", error)
    if start.cache:
        start.cache.keep(_made_from(candidate, start), opened.parent, opened.name)
    return Exported(opened=opened.name, stored=run.adopt(opened.parent))


def load(
    candidate: Candidate, exported: Exported, model: Model, calibration: Path, run: Run, device: registry.Device
) -> Artifact | Failure:
    """The artifact, as its runtime describes it after two samples; a Failure where that could not load or run it.

    Raises MissingPackage, RunError and DeviceBusy, as :func:`collect` does, and OutOfMemory: alone it may have enough.
    """
    stored = exported.stored
    try:
        answer = _load(candidate, run.folder / stored.folder / exported.opened, calibration, run, device)
        inputs = parse_answer(tuple[TensorSpec, ...], answer.get("inputs"))
        outputs = parse_answer(tuple[TensorSpec, ...], answer.get("outputs_spec"))
    except OutOfMemory:
        raise
    except (StepFailed, InputError) as error:
        return failure(candidate, "load", error)
    return Artifact(
        path=stored.folder / exported.opened,
        format=candidate.format,
        variant=candidate.variant,
        recipe=candidate.recipe.name,
        size_bytes=stored.size_bytes,
        compressed_bytes=stored.compressed_bytes,
        sha256=stored.sha256,
        model_sha256=model.sha256,
        inputs=inputs,
        outputs=outputs,
    )


def _load(candidate: Candidate, opened: Path, calibration: Path, run: Run, device: registry.Device) -> dict[str, Any]:
    """The worker's answer to running two samples: many converters write files that no runtime accepts."""
    name = file_name(candidate.id)  # others may be loaded at the same time
    few = run.scratch(f"load-test-{name}.npy")
    np.save(few, array(calibration, mapped=True)[:2])
    job = {
        "protocol": 1,
        "mode": "predict",
        "artifacts": [Entry(path=opened, runtime=candidate.runtime, options=candidate.options).job()],
        "threads": 1,
        "inputs": str(few.resolve()),
        "outputs": str(run.scratch(f"load-test-outputs-{name}.npy").resolve()),
    }
    return device.run(job)


def failure(candidate: Candidate, stage: Any, error: EdgeOptError) -> Failure:
    """``error`` as what became of the candidate at that stage."""
    return Failure(id=candidate.id, recipe=candidate.recipe.name, stage=stage, message=error.message, hint=error.hint)
