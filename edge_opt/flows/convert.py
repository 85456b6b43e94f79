"""A model → artifacts in files of their own, each one loaded and run once."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_opt import registry
from edge_opt.errors import DataError, InputError, MissingPackage
from edge_opt.flows.contract import contract_of
from edge_opt.flows.given import SUFFIXES
from edge_opt.flows.prepare import asking, classes_of, counting, frontend_of, read_data
from edge_opt.flows.workbench import origin
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import preprocess
from edge_opt.stages import plan
from edge_opt.stages.optimize import Start, begin, finish
from edge_opt.store import Cache, Run, room
from edge_opt.types import Artifact, Candidate, Failure, Finding, Model, Recipe, Source, SourceKind, Step, Target, Watch


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What a conversion wrote: each artifact with its path, and what could not be made."""

    model: Model
    artifacts: tuple[Artifact, ...]
    failures: tuple[Failure, ...]
    findings: tuple[Finding, ...]


def make_artifacts(
    model_path: Path,
    recipes: Sequence[Recipe],
    target: Target,
    output: Path,
    *,
    data_path: Path | None,
    seed: int,
    allow_code: bool,
    overwrite: bool = False,
    cache: Path | None = None,
    run: Run,
    device: registry.Device,
    executor: registry.Executor,
    watch: Watch,
) -> Converted:
    """The artifacts of ``recipes`` in the target's formats, written to ``output`` as ``MODEL.RECIPE[.VARIANT].SUFFIX``.

    ``run`` holds what only the work needs, ``cache`` the artifacts of other runs. Raises DataError where a static
    recipe has no data to be calibrated on, InputError for a recipe that no format has, and MissingPackage where no
    runtime of those formats is installed.
    """
    static = next((one.name for one in recipes if one.quantization.mode == "static"), None)
    if static and data_path is None:
        raise DataError(
            f"the recipe '{static}' needs samples to calibrate on",
            "give the data set with -d, or another recipe with -r",
        )
    _no_passes(recipes, model_path)
    frontend = frontend_of(model_path)
    plan.check(recipes, target, frontend.source)
    candidates = _exports(recipes, target, frontend.source)
    if not overwrite:
        _check_free(candidates, output, model_path)
    watch(Step(stage="load", what=str(model_path), done=0, total=1))
    model: Model
    source: Source
    model, source = executor.submit(frontend.prepare, model_path, run.scratch("source"), allow_code).result()
    if data_path is None:
        calibration, findings = _noise(model, run, seed), tuple[Finding, ...]()
    else:
        calibration, findings = _calibration(model, data_path, run, executor, seed, allow_code, watch)
    kept = Cache(cache, watch) if cache else None
    start = Start(model=model, source=source, calibration=calibration, origin=origin(source, allow_code), cache=kept)
    begun = begin(candidates, {(): start}, run, executor)
    made: list[Artifact] = []
    failures: list[Failure] = []
    for done, (one, export) in enumerate(zip(candidates, begun, strict=True)):
        watch(Step(stage="convert", what=one.export_id, done=done, total=len(candidates)))
        outcome = finish(one, export, start, run, device)
        if isinstance(outcome, Failure):
            failures.append(outcome)
        else:
            made.append(_deliver(outcome, run, output, model_path))
    return Converted(
        model=model,
        artifacts=tuple(made),
        failures=tuple(failures),
        findings=(*findings, *plan.absent(target)),
    )


def _no_passes(recipes: Sequence[Recipe], model: Path) -> None:
    """Raise InputError for a recipe that trains: that wants to be watched, judged and resumed."""
    for one in recipes:
        if one.passes:
            raise InputError(
                f"the recipe '{one.name}' trains the network again, which 'edge-opt convert' does not do",
                f"edge-opt optimize {shlex.quote(str(model))} -d DATA -r {one.name}",
            )


def _noise(model: Model, run: Run, seed: int) -> Path:
    """Inputs of the right shape, for recipes that do not look at them."""
    path = run.scratch("calibration.npy")
    shape = [size or 1 for size in model.inputs[0].shape[1:]]
    np.save(path, np.random.default_rng(seed).random((2, *shape), dtype=np.float32))
    return path


def _calibration(
    model: Model,
    data_path: Path,
    run: Run,
    executor: registry.Executor,
    seed: int,
    allow_code: bool,
    watch: Watch,
) -> tuple[Path, tuple[Finding, ...]]:
    """The calibration inputs of the data set, and what is to be said about it."""
    data = read_data(data_path, watch, model.inputs[0])
    fits = datasets.check_outputs(data, classes_of(model.outputs[0]))
    splits = datasets.split(data, seed)
    predict = asking(model.path, executor, allow_code)
    contract, found = contract_of(data, model.inputs[0], splits.selection, predict, run, watch, model.path)
    late: list[Finding] = []
    progress = counting(watch, "preprocess", "calibration")
    path = preprocess.prepare(contract, splits.calibration, run.scratch("calibration.npy"), progress, late.append)
    return path, (*data.findings, *fits, *splits.findings, *found, *late)


def _exports(recipes: Sequence[Recipe], target: Target, source: SourceKind) -> tuple[Candidate, ...]:
    """One candidate for each file that the recipes make; raises MissingPackage where nothing could load one."""
    found: dict[str, Candidate] = {}
    for one in (way for recipe in recipes for way in plan.ways(recipe, target, (), source)):
        found.setdefault(one.export_id, one)
    if not found:
        raise MissingPackage(
            f"no runtime of '{target.name}' that loads {', '.join(target.formats)} is installed",
            "pip install 'edge-opt[all]'",
        )
    return tuple(found.values())


def _check_free(candidates: Sequence[Candidate], output: Path, model: Path) -> None:
    """Raise InputError where an artifact, or the weights beside it, would be written over a file."""
    for one in candidates:
        suffixes = [suffix for suffix, format in SUFFIXES.items() if format == one.format]
        for suffix in (*suffixes, ".bin") if one.format == "openvino" else suffixes:
            path = output / f"{_stem(model, one.recipe.name, one.variant)}{suffix}"
            if path.exists():
                raise InputError(f"'{path}' is already there", "give --overwrite, or another folder with -o")


def _stem(model: Path, recipe: str, variant: str) -> str:
    return ".".join(filter(None, (model.stem, recipe, variant)))


def _deliver(artifact: Artifact, run: Run, output: Path, model: Path) -> Artifact:
    """Copy the files of an artifact out of the run, under a name that a person would give them."""
    source = run.folder / artifact.path
    stem = _stem(model, artifact.recipe, artifact.variant)
    with room(output):
        output.mkdir(parents=True, exist_ok=True)
        for file in source.parent.iterdir():
            shutil.copyfile(file, output / f"{stem}{file.suffix}")
    return replace(artifact, path=output / f"{stem}{source.suffix}")
