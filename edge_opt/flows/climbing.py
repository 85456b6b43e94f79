"""A static_int8 that lost too much accuracy → the next rung of its ladder, by what disturbs it."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from edge_opt import registry
from edge_opt.errors import EdgeOptError, InputError, MissingPackage, StepFailed
from edge_opt.flows.workbench import Workbench
from edge_opt.stages import plan
from edge_opt.stages.plan import ladder
from edge_opt.types import Candidate, Failure, Finding, LayerError, Quantization, Source, Step, Trial


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """How much each layer is disturbed, the worst first."""

    errors: tuple[LayerError, ...]


@dataclass(frozen=True, kw_only=True)
class Climbed:
    """The next rung of every ladder, and why one ended early."""

    candidates: tuple[Candidate, ...]
    findings: tuple[Finding, ...]


def rungs(bench: Workbench, trials: Sequence[Trial], tried: Collection[str]) -> Climbed:
    """One rung for each format and variant whose static_int8 lost too much, until one of its rungs passes.

    Where recipes were asked for by name, they are all that is tried.
    """
    request = bench.request
    if request.as_asked:
        return Climbed(candidates=(), findings=())
    candidates: list[Candidate] = []
    findings: list[Finding] = []
    for root in ladder.fallen(trials, request.effort):
        if request.effort != "thorough" and ladder.solved(root, trials):
            continue
        exists = partial(_exists, bench, root)
        rung = ladder.ranges(root, exists, tried)
        if not rung:
            start = ladder.best_ranges(root, trials)
            ranked = _ranked_layers(bench, start)
            if isinstance(ranked, Failure):
                findings.append(_unranked(ranked))
                continue
            rung = ladder.selective(root, start, ranked.errors, trials, tried, exists)
        candidates.extend(rung)
    return Climbed(candidates=tuple(candidates), findings=tuple(findings))


def _exists(bench: Workbench, root: ladder.Fallen, quantization: Quantization) -> bool:
    made = root.first.artifact
    return made.variant in plan.stored(made.format, quantization, bench.given.source.kind)


def _ranked_layers(bench: Workbench, trial: Trial) -> Ranked | Failure:
    """How much each layer of ``trial`` is disturbed, the worst first; a Failure in the words of the libraries."""

    def work() -> Ranked | Failure:
        bench.watch(Step(stage="rank layers", what=trial.id, done=0, total=1))
        scratch = bench.run.scratch(f"layers-{trial.artifact.sha256[:16]}")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        made, quantization = trial.artifact, trial.recipe.quantization
        arguments = (made.format, bench.given.source, quantization, made.variant, bench.given.calibration, scratch)
        try:
            found: tuple[LayerError, ...] = bench.executor.submit(_errors, *arguments).result()
        except (StepFailed, InputError) as error:
            return _failure(trial, error)
        shutil.rmtree(scratch, ignore_errors=True)
        return Ranked(errors=found)

    made = trial.artifact
    name = "/".join(filter(None, (trial.recipe.name, made.format, made.variant)))
    try:
        return bench.run.once(f"layer errors of {name}", Ranked | Failure, work)
    except MissingPackage as error:  # not in the journal: once it is installed, --resume shall try again
        return _failure(trial, error)


def _errors(
    format: str, source: Source, quantization: Quantization, variant: str, calibration: Path, out: Path
) -> tuple[LayerError, ...]:
    samples = np.load(calibration, mmap_mode="r")
    found: tuple[LayerError, ...] = registry.load("exporters", format).layer_errors(
        source, quantization, variant, samples, out
    )
    return found


def _failure(trial: Trial, error: EdgeOptError) -> Failure:
    return Failure(id=trial.id, recipe=trial.recipe.name, stage="rank", message=error.message, hint=error.hint)


def _unranked(failure: Failure) -> Finding:
    return Finding(
        code="EO411",
        level="warning",
        message=f"'{failure.id}' lost too much accuracy, and its layers could not be ranked, to keep the worst in "
        f"float: {failure.message}",
        hint=failure.hint or "its other rungs stand; a recipe file with keep_float names layers by hand",
    )
