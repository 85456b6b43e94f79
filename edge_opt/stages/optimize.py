"""A float model and a recipe → an artifact in the run folder, proven to load; or the reason why not."""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_opt import registry
from edge_opt.errors import EdgeOptError, InputError, MissingPackage, StepFailed
from edge_opt.store import Run, Stored, parse_answer
from edge_opt.types import Artifact, Candidate, Entry, Failure, Model, Quantization, Source, TensorSpec


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an exporter wrote, in its place in the run folder; ``opened`` names the file that a runtime opens."""

    opened: str
    stored: Stored


def begin(
    candidate: Candidate, source: Source, calibration: Path, run: Run, executor: registry.Executor
) -> Future[Path]:
    """Start the export in a process of its own; the future holds the file the runtime opens, in the scratch folder."""
    built = run.scratch(candidate.export_id.replace("/", "-"))
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir()
    return executor.submit(
        _export, candidate.format, source, candidate.recipe.quantization, candidate.variant, calibration, built
    )


def _export(
    format: str, source: Source, quantization: Quantization, variant: str, calibration: Path, out: Path
) -> Path:
    samples = np.load(calibration, mmap_mode="r")
    path: Path = registry.load("exporters", format).export(source, quantization, variant, samples, out)
    return path


def finish(
    candidate: Candidate, export: Future[Path], model: Model, calibration: Path, run: Run, device: registry.Device
) -> Artifact | Failure:
    """The artifact, moved to its place and loaded once by its runtime; a Failure where either went wrong."""
    try:
        exported = collect(candidate, export, run)
        if isinstance(exported, Failure):
            return exported
        return load(candidate, exported, model, calibration, run, device)
    except MissingPackage as error:
        return failure(candidate, "export", error)


def collect(candidate: Candidate, export: Future[Path], run: Run) -> Exported | Failure:
    """What the exporter wrote, moved to its place; a Failure in its own words.

    Raises MissingPackage and RunError: an installation and a disk are no property of the candidate, and can be mended.
    """
    try:
        opened = export.result()
    except (StepFailed, InputError) as error:
        return failure(candidate, "export", error)
    return Exported(opened=opened.name, stored=run.adopt(opened.parent))


def load(
    candidate: Candidate, exported: Exported, model: Model, calibration: Path, run: Run, device: registry.Device
) -> Artifact | Failure:
    """The artifact, as its runtime describes it after two samples; a Failure where that could not load or run it.

    Raises MissingPackage, RunError and DeviceBusy, as :func:`collect` does.
    """
    stored = exported.stored
    try:
        answer = _load(candidate, run.folder / stored.folder / exported.opened, calibration, run, device)
        inputs = parse_answer(tuple[TensorSpec, ...], answer.get("inputs"))
        outputs = parse_answer(tuple[TensorSpec, ...], answer.get("outputs_spec"))
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
    few = run.scratch("load-test.npy")
    np.save(few, np.load(calibration, mmap_mode="r")[:2])
    job = {
        "protocol": 1,
        "mode": "predict",
        "artifacts": [Entry(path=opened, runtime=candidate.runtime, options=candidate.options).job()],
        "threads": 1,
        "inputs": str(few.resolve()),
        "outputs": str(run.scratch("load-test-outputs.npy").resolve()),
    }
    return device.run(job)


def failure(candidate: Candidate, stage: Any, error: EdgeOptError) -> Failure:
    """``error`` as what became of the candidate at that stage."""
    return Failure(id=candidate.id, recipe=candidate.recipe.name, stage=stage, message=error.message, hint=error.hint)
