"""Candidates → trials: made, assessed, measured and judged, each step for all of them before the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, as_completed, wait
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from edge_opt.errors import MissingPackage, OutOfMemory, StepFailed
from edge_opt.flows.answering import answering, parity_of
from edge_opt.flows.jobs import as_they_end
from edge_opt.flows.workbench import Workbench
from edge_opt.stages import guard, pareto
from edge_opt.stages.benchmark import benchmark
from edge_opt.stages.evaluate import Tally, evaluate
from edge_opt.stages.optimize import Exported, Starts, begin, collect, failure, file_name, load
from edge_opt.types import Accuracy, Artifact, Candidate, Entry, Failure, Measured, NotTimed, Split, Step, Trial

T = TypeVar("T")
Failures = tuple[Failure, ...]


def make(bench: Workbench, candidates: Sequence[Candidate], starts: Starts) -> tuple[dict[str, Artifact], Failures]:
    """The artifact of each candidate, by id; candidates that run the same file share its export, not its load test.

    ``starts`` is what their exports start from, by their passes; a candidate without one is left out.
    """
    candidates = [one for one in candidates if one.recipe.passes in starts]
    exports = _exported(bench, candidates, starts)
    found = {one.id: exports[one.export_id] for one in candidates}
    exported = {id: one for id, one in found.items() if isinstance(one, Exported)}
    unmade = {id: one for id, one in found.items() if isinstance(one, Failure)}

    def work(one: Candidate) -> Artifact | Failure:
        start = starts[one.recipe.passes]
        return load(one, exported[one.id], start.model, start.calibration, bench.run, bench.device)

    sound = [one for one in candidates if one.id in exported]
    made, unloaded = _each(bench, "load", sound, lambda one: f"load {one.id}", Artifact | Failure, work)
    return made, _needed(bench, candidates, {**unmade, **unloaded})


def _exported(bench: Workbench, candidates: Sequence[Candidate], starts: Starts) -> dict[str, Exported | Failure]:
    """What became of every export, by its id; several run side by side, each is kept as it ends."""
    run = bench.run
    exports = {one.export_id: one for one in reversed(candidates)}  # of several, in the name of the first
    unmade = [
        one for one in candidates if one is exports[one.export_id] and not run.finished(f"export {one.export_id}")
    ]
    begun = dict(zip(begin(unmade, starts, run, bench.executor), unmade, strict=True))
    missing: dict[str, Failure] = {}
    waiting = [one.export_id for one in begun.values()]
    tell = _teller(bench, "optimize", waiting)

    def settle(one: Candidate, future: Future[Path]) -> None:
        try:
            run.append(f"export {one.export_id}", collect(one, future, starts[one.recipe.passes], run))
        except MissingPackage as error:  # not in the journal: once it is installed, --resume shall try again
            missing[one.export_id] = failure(one, "export", error)
        tell(one.export_id)

    cramped: list[Candidate] = []
    for future in as_completed(begun):
        if bench.request.jobs > 1 and isinstance(future.exception(), OutOfMemory):
            cramped.append(begun[future])
        else:
            settle(begun[future], future)
    for one in cramped:  # alone, it has all the memory there is
        (alone,) = begin([one], starts, run, bench.executor)
        wait([alone])
        settle(one, alone)
    return {
        name: missing[name] if name in missing else run.known(f"export {name}", Exported | Failure) for name in exports
    }


def assess(
    bench: Workbench, candidates: Sequence[Candidate], artifacts: Mapping[str, Artifact]
) -> tuple[dict[str, Accuracy], Failures]:
    """The accuracy of every artifact on the selection split, by id."""

    def work(one: Candidate) -> Accuracy | Failure:
        try:
            return accuracy_of(bench, one.id, _entry(bench, one, artifacts[one.id]), "selection")
        except OutOfMemory:  # of several at a time it is none
            raise
        except StepFailed as error:  # nothing else is a property of the artifact
            return failure(one, "evaluate", error)

    made = [one for one in candidates if one.id in artifacts]
    accuracies, unanswering = _each(
        bench, "evaluate", made, lambda one: f"evaluate {one.id} on selection", Accuracy | Failure, work
    )
    return accuracies, _needed(bench, candidates, unanswering)


def accuracy_of(bench: Workbench, id: str, entry: Entry, split: Split) -> Accuracy:
    """How often the artifact of the candidate ``id`` is right on a split, or without labels agrees with the framework.

    On the selection also the distance to the framework's own outputs.
    """
    given, run = bench.given, bench.run
    labels = given.labels(split, run)
    # a file of its own: others are evaluated at the same time, also of the very same bytes
    device = answering(bench, id, entry)
    answers = run.scratch(f"outputs-{file_name(id)}.npy")
    tally = Tally(confidences=[] if split == "certification" else None)
    for places, inputs in given.inputs(split, run):
        outputs = evaluate(entry, inputs, answers, device)
        tally.add(outputs, given.reference[places] if split == "selection" else None)
    return tally.accuracy(labels, given.summary.classes, split, given.metric)


def measure(
    bench: Workbench,
    candidates: Sequence[Candidate],
    artifacts: Mapping[str, Artifact],
    accuracies: Mapping[str, Accuracy],
    trials: Sequence[Trial],
    failures: Failures,
) -> tuple[dict[str, Measured | NotTimed], Failures]:
    """The latency of everything that answers, by id, in rounds together with the baseline.

    ``trials`` and ``failures`` are those of the waves before this one.
    """
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
        wave=len(trials) + len(failures),  # a wave may yield no trial, and the next one is another all the same
        threads=bench.request.threads,
        seed=bench.request.seed,
        protocol=bench.request.protocol,
        tell=lambda what, done, total: bench.watch(Step(stage="benchmark", what=what, done=done, total=total)),
    )
    untimed = tuple(
        Failure(id=name, recipe=sound[name].recipe.name, stage="benchmark", message=why)
        for name, why in broken.items()
        if name in sound
    )
    return dict(measured), _needed(bench, candidates, {one.id: one for one in untimed})


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
                parity=parity_of(bench, one.id),
            ),
        )
        for one in candidates
        if one.id in timings
    )


def _fully_judged(bench: Workbench, trial: Trial) -> Trial:
    """``trial`` with its verdict extended to the framework's answers and to the limits of time, size and memory.

    Raises StepFailed where the baseline does not answer what the framework answers: everything is compared with it.
    """
    if trial.recipe.passes:
        trial = replace(trial, verdict=guard.of_network(trial.verdict))
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
    bench: Workbench,
    stage: Literal["load", "evaluate"],
    candidates: Sequence[Candidate],
    key: Callable[[Candidate], str],
    kind: Any,
    work: Callable[[Candidate], T | Failure],
) -> tuple[dict[str, T], dict[str, Failure]]:
    """``work`` for every candidate, several side by side; what came out, and what broke, by id.

    What is finished in the journal under its ``key`` is not repeated, and the rest is written there as it ends. The
    order of what comes out is that of the candidates, however they ended. What had too little memory beside others is
    done again alone.
    """
    run = bench.run
    by_id = {one.id: one for one in candidates if not run.finished(key(one))}
    outcomes: dict[str, T | Failure] = {}
    tell = _teller(bench, stage, list(by_id))

    def attempt(one: Candidate) -> T | Failure | MissingPackage | OutOfMemory:
        try:
            return work(one)
        except (MissingPackage, OutOfMemory) as error:
            return error

    def settle(name: str, outcome: T | Failure | MissingPackage | OutOfMemory) -> None:
        if isinstance(outcome, MissingPackage):  # not in the journal: once it is installed, --resume shall try again
            outcomes[name] = failure(by_id[name], stage, outcome)
        else:
            one = by_id[name]
            run.append(key(one), failure(one, stage, outcome) if isinstance(outcome, OutOfMemory) else outcome)
        tell(name)

    cramped: list[str] = []
    for name, outcome in as_they_end({id: partial(attempt, one) for id, one in by_id.items()}, bench.request.jobs):
        if isinstance(outcome, OutOfMemory) and bench.request.jobs > 1:
            cramped.append(name)
        else:
            settle(name, outcome)
    for name in cramped:
        settle(name, attempt(by_id[name]))
    found = {one.id: outcomes[one.id] if one.id in outcomes else run.known(key(one), kind) for one in candidates}
    return (
        {id: one for id, one in found.items() if not isinstance(one, Failure)},
        {id: one for id, one in found.items() if isinstance(one, Failure)},
    )


def _teller(bench: Workbench, stage: str, waiting: list[str]) -> Callable[[str], None]:
    """A function that tells the watcher of each job that has ended; that the first has begun is told at once."""
    left = list(waiting)

    def tell(ended: str) -> None:
        left.remove(ended)
        if left:
            bench.watch(Step(stage=stage, what=left[0], done=len(waiting) - len(left), total=len(waiting)))

    if left:
        bench.watch(Step(stage=stage, what=left[0], done=0, total=len(waiting)))
    return tell


def _needed(bench: Workbench, candidates: Sequence[Candidate], failures: Mapping[str, Failure]) -> Failures:
    """The failures, each under its own id, in the order of the candidates.

    Raises StepFailed where the baseline is among them: nothing can be compared then.
    """
    if one := failures.get(bench.baseline.id):
        raise StepFailed(f"the baseline '{bench.baseline.id}' failed at {one.stage}: {one.message}", one.hint)
    return tuple(replace(failures[one.id], id=one.id) for one in candidates if one.id in failures)
