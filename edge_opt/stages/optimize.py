"""A float model and a recipe → an artifact in the run folder, proven to load; or the reason why not."""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from edge_opt import registry
from edge_opt.errors import EdgeOptError
from edge_opt.store import Run, parse
from edge_opt.types import Artifact, Candidate, Entry, Failure, Model, Quantization, TensorSpec


def begin(
    candidate: Candidate, saved_model: Path, calibration: Path, run: Run, executor: registry.Executor
) -> Future[Path]:
    """Start the export in a process of its own; the future holds the file the runtime opens, in the scratch folder."""
    built = run.scratch(candidate.export_id.replace("/", "-"))
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir()
    return executor.submit(
        _export, candidate.format, saved_model, candidate.recipe.quantization, candidate.variant, calibration, built
    )


def _export(
    format: str, saved_model: Path, quantization: Quantization, variant: str, calibration: Path, out: Path
) -> Path:
    samples = np.load(calibration, mmap_mode="r")
    path: Path = registry.load("exporters", format).export(saved_model, quantization, variant, samples, out)
    return path


def finish(
    candidate: Candidate, export: Future[Path], model: Model, calibration: Path, run: Run, device: registry.Device
) -> Artifact | Failure:
    """The artifact, moved to its place and loaded once by its runtime; a Failure where either went wrong."""
    try:
        opened = export.result()
    except EdgeOptError as error:
        return _failure(candidate, "export", error)
    try:
        answer = _load(candidate, opened, calibration, run, device)
    except EdgeOptError as error:
        return _failure(candidate, "load", error)
    stored = run.adopt(opened.parent)
    return Artifact(
        path=stored.folder / opened.name,
        format=candidate.format,
        variant=candidate.variant,
        recipe=candidate.recipe.name,
        size_bytes=stored.size_bytes,
        compressed_bytes=stored.compressed_bytes,
        sha256=stored.sha256,
        model_sha256=model.sha256,
        inputs=parse(tuple[TensorSpec, ...], answer["inputs"]),
        outputs=parse(tuple[TensorSpec, ...], answer["outputs_spec"]),
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


def _failure(candidate: Candidate, stage: Any, error: EdgeOptError) -> Failure:
    return Failure(id=candidate.id, recipe=candidate.recipe.name, stage=stage, message=error.message, hint=error.hint)
