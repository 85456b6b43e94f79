"""Candidates → trials: made, assessed, measured and judged, each step for all of them before the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from edge_opt.errors import MissingPackage, StepFailed
from edge_opt.flows.workbench import Workbench
from edge_opt.stages import guard, pareto
from edge_opt.stages.benchmark import benchmark
from edge_opt.stages.evaluate import Split, evaluate, score
from edge_opt.stages.optimize import Exported, begin, collect, failure, load
from edge_opt.types import Accuracy, Artifact, Candidate, Entry, Failure, Measured, NotTimed, Step, Trial

T = TypeVar("T")
Failures = tuple[Failure, ...]


def make(bench: Workbench, candidates: Sequence[Candidate]) -> tuple[dict[str, Artifact], Failures]:
    """The artifact of each candidate, by id; candidates that run the same file share its export, not its load test."""
    run, given = bench.run, bench.given
    begun = {}
    for one in candidates:
        if one.export_id not in begun and not run.finished(f"export {one.export_id}"):
            begun[one.export_id] = begin(one, given.source, given.calibration, run, bench.executor)

    def work(one: Candidate) -> Artifact | Failure:
        try:
            exported = run.once(
                f"export {one.export_id}", Exported | Failure, lambda: collect(one, begun[one.export_id], run)
            )
            if isinstance(exported, Failure):
                return exported
            return run.once(
                f"load {one.id}",
                Artifact | Failure,
                lambda: load(one, exported, given.model, given.calibration, run, bench.device),
            )
        except MissingPackage as error:  # not in the journal: once it is installed, --resume shall try again
            return failure(one, "export", error)

    return _each(bench, "optimize", candidates, work)


def assess(
    bench: Workbench, candidates: Sequence[Candidate], artifacts: Mapping[str, Artifact]
) -> tuple[dict[str, Accuracy], Failures]:
    """The accuracy of every artifact on the selection split, by id."""

    def work(one: Candidate) -> Accuracy | Failure:
        return bench.run.once(f"evaluate {one.id} on selection", Accuracy | Failure, lambda: tried(one))

    def tried(one: Candidate) -> Accuracy | Failure:
        try:
            return accuracy_of(bench, _entry(bench, one, artifacts[one.id]), "selection")
        except StepFailed as error:  # nothing else is a property of the artifact
            return failure(one, "evaluate", error)

    return _each(bench, "evaluate", [one for one in candidates if one.id in artifacts], work)


def accuracy_of(bench: Workbench, entry: Entry, split: Split) -> Accuracy:
    """Top-1 of one artifact on a split; on the selection also the distance to the framework's own outputs."""
    given = bench.given
    samples = given.splits.selection if split == "selection" else given.splits.certification
    outputs = evaluate(entry, given.inputs(split, bench.run), bench.run.scratch("outputs.npy"), bench.device)
    return score(
        outputs, samples.labels, given.summary.classes, split, given.reference if split == "selection" else None
    )


def measure(
    bench: Workbench,
    candidates: Sequence[Candidate],
    artifacts: Mapping[str, Artifact],
    accuracies: Mapping[str, Accuracy],
    trials: Sequence[Trial],
) -> tuple[dict[str, Measured | NotTimed], Failures]:
    """The latency of everything that answers, by id, in rounds together with the baseline."""
    sound = {one.id: one for one in candidates if one.id in accuracies}
    if bench.untimed:
        return dict.fromkeys(sound, NotTimed(reason=bench.untimed)), ()
    entries = {trial.id: bench.entry(trial) for trial in trials[:1]}
    entries |= {one.id: _entry(bench, one, artifacts[one.id]) for one in sound.values()}
    measured, broken = benchmark(
        entries,
        bench.given.timing,
        bench.device,
        bench.run,
        wave=len(trials),
        threads=bench.request.threads,
        seed=bench.request.seed,
        protocol=bench.request.protocol,
        tell=lambda what, done, total: bench.watch(Step(stage="benchmark", what=what, done=done, total=total)),
    )
    failures = tuple(
        Failure(id=name, recipe=sound[name].recipe.name, stage="benchmark", message=why)
        for name, why in broken.items()
        if name in sound
    )
    return dict(measured), _needed(bench, failures)


def judge(
    bench: Workbench,
    candidates: Sequence[Candidate],
    artifacts: Mapping[str, Artifact],
    accuracies: Mapping[str, Accuracy],
    timings: Mapping[str, Measured | NotTimed],
    trials: Sequence[Trial],
) -> tuple[Trial, ...]:
    """The trials of these candidates, each one's accuracy paired with the baseline's: the first trial of all."""
    baseline = trials[0].accuracy if trials else accuracies[bench.baseline.id]
    limit = bench.request.target.budget.max_drop
    return tuple(
        _fully_judged(
            bench,
            Trial(
                id=one.id,
                recipe=one.recipe,
                runtime=one.runtime,
                options=one.options,
                artifact=artifacts[one.id],
                measured=timings[one.id],
                accuracy=accuracies[one.id],
                verdict=guard.judge(baseline, accuracies[one.id], limit),
            ),
        )
        for one in candidates
        if one.id in timings
    )


def _fully_judged(bench: Workbench, trial: Trial) -> Trial:
    """``trial`` with its verdict extended to the framework's answers and to the limits of time, size and memory.

    Raises StepFailed where the baseline does not answer what the framework answers: everything is compared with it.
    """
    changed = guard.parity(trial.recipe, trial.options, trial.accuracy)
    if changed and trial.id == bench.baseline.id:
        raise StepFailed(f"the baseline '{trial.id}' cannot be compared with: its {changed.message}", changed.hint)
    over = (*((changed,) if changed else ()), *pareto.over_budget(trial, bench.request.target.budget))
    if not over:
        return trial
    certain = trial.verdict.status == "fail" or any(finding.level == "error" for finding in over)
    verdict = replace(trial.verdict, status="fail" if certain else "unclear", findings=(*trial.verdict.findings, *over))
    return replace(trial, verdict=verdict)


def _entry(bench: Workbench, candidate: Candidate, artifact: Artifact) -> Entry:
    return Entry(path=bench.run.folder / artifact.path, runtime=candidate.runtime, options=candidate.options)


def _each(
    bench: Workbench, stage: str, candidates: Sequence[Candidate], work: Callable[[Candidate], T | Failure]
) -> tuple[dict[str, T], Failures]:
    """``work`` for every candidate, told to the watcher; what came out by id, and what broke under its own id."""
    made: dict[str, T] = {}
    failures: list[Failure] = []
    for done, one in enumerate(candidates):
        bench.watch(Step(stage=stage, what=one.id, done=done, total=len(candidates)))
        outcome = work(one)
        if isinstance(outcome, Failure):
            failures.append(replace(outcome, id=one.id))
        else:
            made[one.id] = outcome
    return made, _needed(bench, tuple(failures))


def _needed(bench: Workbench, failures: Failures) -> Failures:
    """``failures`` as they are. Raises StepFailed where the baseline is among them: nothing can be compared then."""
    for one in failures:
        if one.id == bench.baseline.id:
            raise StepFailed(f"the baseline '{one.id}' failed at {one.stage}: {one.message}", one.hint)
    return failures
