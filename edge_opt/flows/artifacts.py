"""The steps of the pipeline on their own: convert a model, measure artifacts, evaluate artifacts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_opt import registry, stats
from edge_opt.errors import DataError, InputError, StepFailed
from edge_opt.flows.prepare import classes_of, contract_of, frontend_of
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.stages import guard, plan
from edge_opt.stages.benchmark import Protocol, benchmark
from edge_opt.stages.evaluate import evaluate as answers
from edge_opt.stages.evaluate import score
from edge_opt.stages.optimize import begin, finish
from edge_opt.store import Run, parse, room
from edge_opt.types import (
    Accuracy,
    Artifact,
    Candidate,
    Entry,
    Failure,
    Finding,
    Interval,
    Measured,
    Model,
    Recipe,
    Step,
    Target,
    TensorSpec,
    Verdict,
    Watch,
)

_SUFFIXES = {".tflite": "tflite", ".onnx": "onnx", ".xml": "openvino"}


@dataclass(frozen=True, kw_only=True)
class Benched:
    """One artifact as it was measured; its speed-up refers to the first one given."""

    artifact: Path
    size_bytes: int
    measured: Measured


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """One artifact's accuracy, its 95 % interval, and the paired drop against the first one given."""

    artifact: Path
    size_bytes: int
    runtime: str
    accuracy: Accuracy
    interval: Interval
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What a conversion wrote: each artifact with its path, and what could not be made."""

    model: Model
    artifacts: tuple[Artifact, ...]
    failures: tuple[Failure, ...]
    findings: tuple[Finding, ...]


# ── convert ────────────────────────────────────────────────────────────────────────────────────────────────────────


def convert(
    model_path: Path,
    recipes: Sequence[Recipe],
    target: Target,
    output: Path,
    *,
    data_path: Path | None,
    seed: int,
    allow_code: bool,
    device: registry.Device,
    executor: registry.Executor,
    watch: Watch,
) -> Converted:
    """The artifacts of ``recipes`` in the target's formats, written to ``output`` as ``MODEL.RECIPE[.VARIANT].SUFFIX``.

    Each one has been loaded and run once. Raises DataError where a static recipe has no data to be calibrated on.
    """
    static = next((one.name for one in recipes if one.quantization.mode == "static"), None)
    if static and data_path is None:
        raise DataError(
            f"the recipe '{static}' needs samples to calibrate on",
            "give the data set with -d, or another recipe with -r",
        )
    frontend = frontend_of(model_path)
    with _folder(None) as run:
        watch(Step(stage="prepare", what="loading the model", done=0, total=1))
        saved_model = run.scratch("saved_model")
        model: Model = executor.submit(frontend.prepare, model_path, saved_model, allow_code).result()
        calibration, findings = _calibration(model, frontend, executor, run, data_path, seed, allow_code)
        candidates = _exports(recipes, target)
        begun = [begin(one, saved_model, calibration, run, executor) for one in candidates]
        made: list[Artifact] = []
        failures: list[Failure] = []
        for done, (one, export) in enumerate(zip(candidates, begun, strict=True)):
            watch(Step(stage="convert", what=one.export_id, done=done, total=len(candidates)))
            outcome = finish(one, export, model, calibration, run, device)
            if isinstance(outcome, Failure):
                failures.append(outcome)
            else:
                made.append(_deliver(outcome, run, output, model_path))
    return Converted(model=model, artifacts=tuple(made), failures=tuple(failures), findings=findings)


def _calibration(
    model: Model,
    frontend: registry.Frontend,
    executor: registry.Executor,
    run: Run,
    data_path: Path | None,
    seed: int,
    allow_code: bool,
) -> tuple[Path, tuple[Finding, ...]]:
    """The calibration inputs of the data set; noise of the right shape where no recipe looks at them."""
    path = run.scratch("calibration.npy")
    if data_path is None:
        shape = [size or 1 for size in model.inputs[0].shape[1:]]
        np.save(path, np.random.default_rng(seed).random((2, *shape), dtype=np.float32))
        return path, ()
    splits = datasets.split(datasets.read(data_path), seed)

    def predict(inputs: registry.Array) -> registry.Array:
        outputs: registry.Array = executor.submit(frontend.predict, model.path, inputs, allow_code).result()
        return outputs

    contract, found = contract_of(data_path, model.inputs[0], splits.selection, predict)
    return preprocess.prepare(contract, splits.calibration, path), (*splits.findings, *found)


def _exports(recipes: Sequence[Recipe], target: Target) -> tuple[Candidate, ...]:
    """One candidate for each file that the recipes make; raises InputError where the formats have none of them."""
    found: dict[str, Candidate] = {}
    for one in (way for recipe in recipes for way in plan.ways(recipe, target, isa=())):
        found.setdefault(one.export_id, one)
    if not found:
        names, formats = ", ".join(one.name for one in recipes), ", ".join(target.formats)
        raise InputError(
            f"no artifact of {names} exists in {formats}", "'edge-opt recipes' shows which format has which recipe"
        )
    return tuple(found.values())


def _deliver(artifact: Artifact, run: Run, output: Path, model: Path) -> Artifact:
    """Copy the files of an artifact out of the run, under a name that a person would give them."""
    source = run.folder / artifact.path
    stem = ".".join(filter(None, (model.stem, artifact.recipe, artifact.variant)))
    with room(output):
        output.mkdir(parents=True, exist_ok=True)
        for file in source.parent.iterdir():
            shutil.copyfile(file, output / f"{stem}{file.suffix}")
    return replace(artifact, path=output / f"{stem}{source.suffix}")


# ── bench ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def bench(
    paths: Sequence[Path],
    target: Target,
    *,
    threads: int,
    runtime: str,
    protocol: Protocol,
    seed: int,
    output: Path | None,
    device: registry.Device,
    watch: Watch,
) -> tuple[Benched, ...]:
    """Each artifact's latency and memory, in interleaved rounds; speed-ups refer to the first one.

    ``output`` keeps the raw samples in a run folder. Raises StepFailed where one cannot be measured.
    """
    entries = {str(path): entry_of(path, target, runtime) for path in paths}
    with _folder(output) as run:
        measured, broken = benchmark(
            entries,
            None,
            device,
            run,
            wave=0,
            threads=threads,
            seed=seed,
            protocol=protocol,
            tell=lambda what, done, total: watch(Step(stage="benchmark", what=what, done=done, total=total)),
        )
    for name, why in broken.items():
        raise StepFailed(f"'{name}' could not be measured: {why}", "check that it is a whole artifact of this format")
    return tuple(Benched(artifact=path, size_bytes=size_of(path), measured=measured[str(path)]) for path in paths)


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
    raise InputError(
        f"no runtime of '{target.name}' loads '{path.name}'", f"'edge-opt targets {target.name}' lists its runtimes"
    )


def size_of(path: Path) -> int:
    """Bytes of an artifact: the file, and for OpenVINO the weights beside it."""
    beside = path.with_suffix(".bin") if path.suffix == ".xml" else path
    return path.stat().st_size + (beside.stat().st_size if beside != path and beside.exists() else 0)


# ── evaluate ───────────────────────────────────────────────────────────────────────────────────────────────────────


def evaluate(
    paths: Sequence[Path],
    data_path: Path,
    target: Target,
    *,
    runtime: str,
    max_drop: float,
    device: registry.Device,
    watch: Watch,
) -> tuple[tuple[Evaluated, ...], tuple[Finding, ...]]:
    """Each artifact's top-1 on the test split (all samples where there is none), paired with the first one's."""
    data = datasets.read(data_path)
    samples = data.test or data.validation or data.train
    assert samples is not None
    entries = [entry_of(path, target, runtime) for path in paths]
    with _folder(None) as run:

        def predict(entry: Entry, inputs: Path) -> registry.Array:
            return answers(entry, inputs, run.scratch("outputs.npy"), device)

        def predict_first(inputs: registry.Array) -> registry.Array:
            np.save(run.scratch("likely.npy"), inputs)
            return predict(entries[0], run.scratch("likely.npy"))

        described = device.run({"protocol": 1, "mode": "describe", "artifacts": [entries[0].job()], "threads": 1})
        taken = parse(tuple[TensorSpec, ...], described["inputs"])[0]
        answered = parse(tuple[TensorSpec, ...], described["outputs_spec"])[0]
        fits = datasets.check_outputs(data, classes_of(answered))
        contract, found = contract_of(data_path, taken, samples, predict_first)
        inputs = preprocess.prepare(contract, samples, run.scratch("inputs.npy"))
        rows: list[Evaluated] = []
        for done, (path, entry) in enumerate(zip(paths, entries, strict=True)):
            watch(Step(stage="evaluate", what=str(path), done=done, total=len(paths)))
            accuracy = score(predict(entry, inputs), samples.labels, data.classes, "certification")
            rows.append(
                Evaluated(
                    artifact=path,
                    size_bytes=size_of(path),
                    runtime=entry.runtime,
                    accuracy=accuracy,
                    interval=stats.wilson_interval(sum(accuracy.scores), len(accuracy.scores)),
                    verdict=guard.judge(rows[0].accuracy if rows else accuracy, accuracy, max_drop),
                )
            )
    return tuple(rows), (*data.findings, *fits, *found)


@contextmanager
def _folder(output: Path | None) -> Iterator[Run]:
    """A run folder: the one that is to be kept, or one that goes at the end."""
    if output is not None:
        yield Run.start(output, {"command": "bench"})
        return
    with tempfile.TemporaryDirectory(prefix="edge-opt-") as folder:
        yield Run.start(Path(folder), {})
