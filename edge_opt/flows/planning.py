"""What to try next: the trials so far → the candidates of the next wave, and why others are not among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from edge_opt.flows import slimming
from edge_opt.flows.climbing import Climbed, rungs
from edge_opt.flows.lesson import training_bytes
from edge_opt.flows.pace import Pace
from edge_opt.flows.workbench import Workbench
from edge_opt.stages import guard, plan
from edge_opt.stages.plan import bounds, cost, efforts, knowledge, promise
from edge_opt.types import Candidate, Failure, Finding, Measured, Skipped, Trial

_COMPARED = 2  # artifacts are disturbed: the smallest network mostly loses robustness, and the next is chosen
_FIRST_SHARE, _SHARE = 0.4, 0.7  # of the time left, for one wave: less while the predictions are rough


@dataclass(frozen=True, kw_only=True)
class Wave:
    """What is tried next, what is not and why, and what came up in planning it."""

    candidates: tuple[Candidate, ...]
    skipped: tuple[Skipped, ...]
    findings: tuple[Finding, ...]
    training_s: float | None = None  # for each pass of its recipes; None for as long as it takes


def next_wave(bench: Workbench, trials: Sequence[Trial], failures: Sequence[Failure], pace: Pace) -> Wave:
    """The next candidates; what they will cost is told before anything is made. None where the run has its answer.

    What a wave of this run held is in the journal, so that a resumed one is planned as it was, however long it took.
    """
    tried = {*(one.id for one in trials), *(one.id for one in failures)}
    key = f"wave after {len(tried)} candidates"
    left_s = _left_s(bench, trials, pace)
    smaller = slimming.proposed(bench, trials, failures, left_s) if trials else slimming.Proposed()
    offered = partial(_offers, bench, trials, failures, smaller.candidates)
    taken = Wave(candidates=(), skipped=(), findings=())
    if bench.run.finished(key):
        taken = _first_taken(bench, offered(), trials, failures, lambda worth: _as_before(bench, worth, key))
    if not taken.candidates:
        taken = _first_taken(bench, offered(), trials, failures, lambda worth: _in_time(bench, worth, trials, pace))
    training_s = None
    if taken.candidates:
        if not bench.run.finished(key):
            bench.run.append(key, [one.id for one in taken.candidates])
        if count := slimming.trainings(bench, taken.candidates):
            # a training that goes on must have the time that it was begun with
            begun_with = partial(slimming.training_s, bench, left_s, count)
            training_s = bench.run.once(f"training in {key}", float | None, begun_with)
        _tell(bench, taken.candidates, taken.skipped, training_s)
    said = knowledge.said(trials, bench.request.target, processor(bench))
    return Wave(
        candidates=taken.candidates,
        skipped=(*taken.skipped, *smaller.skipped),
        findings=(*taken.findings, *smaller.findings, *said),
        training_s=training_s,
    )


def _offers(
    bench: Workbench, trials: Sequence[Trial], failures: Sequence[Failure], smaller: tuple[Candidate, ...]
) -> Iterator[Climbed]:
    """What there is to try, the most promising first; a later one counts where nothing of those before it fits.

    Smaller networks come as soon as it is known how to store them: most of the rest cannot win then any more.
    """
    stored = any(one.recipe.quantization.mode != "none" for one in trials)
    if stored:
        yield Climbed(candidates=smaller, findings=())
    climbed = rungs(bench, trials, {*(one.id for one in trials), *(one.id for one in failures)})
    yield replace(climbed, candidates=(*_recipes(bench, trials, failures), *climbed.candidates))
    if not stored:
        yield Climbed(candidates=smaller, findings=())


def _first_taken(
    bench: Workbench,
    offers: Iterable[Climbed],
    trials: Sequence[Trial],
    failures: Sequence[Failure],
    take: Callable[[tuple[Candidate, ...]], tuple[tuple[Candidate, ...], tuple[Skipped, ...]]],
) -> Wave:
    """What is taken of the first offer of which something is, and why nothing is of those before it."""
    skipped: tuple[Skipped, ...] = ()
    findings: tuple[Finding, ...] = ()
    for offer in offers:
        worth, unworthy = _worth_it(bench, offer.candidates, trials, failures)
        taken, late = take(worth)
        skipped, findings = (*skipped, *unworthy, *late), (*findings, *offer.findings)
        if taken:
            return Wave(candidates=taken, skipped=skipped, findings=findings)
    return Wave(candidates=(), skipped=skipped, findings=findings)


def _as_before(
    bench: Workbench, candidates: Sequence[Candidate], key: str
) -> tuple[tuple[Candidate, ...], tuple[Skipped, ...]]:
    """Those that the journal has for this wave: nothing that was finished in it is to be lost."""
    before = bench.run.known(key, tuple[str, ...], ())
    return tuple(one for one in candidates if one.id in before), ()


def processor(bench: Workbench) -> knowledge.Processor:
    """What is known of the processor that the target has."""
    return knowledge.processor(bench.request.target, bench.isa)


def _recipes(bench: Workbench, trials: Sequence[Trial], failures: Sequence[Failure]) -> tuple[Candidate, ...]:
    """The recipes whose turn it is: those asked for all at once, else as the effort has them."""
    request = bench.request
    every = plan.plan(bench.baseline, request.recipes, request.target, bench.isa, bench.given.source.kind, ())
    if not request.as_asked:
        effort = request.effort
        opening = efforts.first(every, bench.baseline, effort)
        # 7-bit weights answer to 8-bit ones that overflow, so they come after them
        every = opening if not trials else efforts.later(every, effort) or opening
    tried = {*(one.id for one in trials), *(one.id for one in failures)}
    return tuple(one for one in every if one.id not in tried)


def _worth_it(
    bench: Workbench, candidates: Sequence[Candidate], trials: Sequence[Trial], failures: Sequence[Failure]
) -> tuple[tuple[Candidate, ...], tuple[Skipped, ...]]:
    """The candidates that may win, and why the others cannot; what was asked for is pruned by nothing."""
    known, on = bench.request, processor(bench)
    prune = not known.as_asked and known.effort != "thorough"
    reasons = {
        one.id: knowledge.ruled_out(one, on, failures) or (bounds.hopeless(one, trials, on) if prune else "")
        for one in candidates
    }
    return (
        tuple(one for one in candidates if not reasons[one.id]),
        tuple(Skipped(id=id, reason=reason) for id, reason in reasons.items() if reason),
    )


def _in_time(
    bench: Workbench, candidates: Sequence[Candidate], trials: Sequence[Trial], pace: Pace
) -> tuple[tuple[Candidate, ...], tuple[Skipped, ...]]:
    """What of the candidates this wave takes, and those for which the limit leaves no time."""
    left_s = _left_s(bench, trials, pace)
    if left_s is None or not candidates:
        return tuple(candidates), ()
    scale = _scale(bench, trials, pace)
    prices = {one.id: sum(cost.price(one, scale).values()) for one in candidates}
    trainings = slimming.trainings(bench, candidates)
    training_s = slimming.training_s(bench, left_s, trainings) if trainings else None
    time = promise.Time(
        left=left_s - trainings * (training_s or 0.0),
        again=cost.again(scale) if trials else 0.0,
        share=_SHARE if trials else _FIRST_SHARE,
    )
    return promise.in_time(candidates, prices, time, bench.baseline.id)


def _left_s(bench: Workbench, trials: Sequence[Trial], pace: Pace) -> float | None:
    """The seconds left for trying, once what comes after it has its share; None without a limit."""
    limit_s = bench.request.time_limit_s
    if limit_s is None:
        return None
    scale = _scale(bench, trials, pace)
    disturbing_s = _COMPARED * cost.disturbing_s(scale, bench.request.effort, limit_s)
    return limit_s - pace.elapsed_s - cost.reserve(scale) - disturbing_s


def _scale(bench: Workbench, trials: Sequence[Trial], pace: Pace) -> cost.Scale:
    """How large the job is, by what is known by now."""
    summary, spent = bench.given.summary, pace.spent()
    timed = trials[0].measured if trials else None
    seconds, samples = spent.get("preprocess", (0.0, 0))
    scale = cost.Scale(
        model=bench.given.model,
        selection=summary.selection,
        certification=summary.certification,
        rounds=0 if bench.untimed else bench.request.protocol.rounds,
        float_ns=timed.median_ns if isinstance(timed, Measured) else None,
        sample_s=seconds / max(samples, 1),
    )
    return replace(scale, factors=cost.factors(spent, [_candidate(one) for one in trials], scale))


def _candidate(trial: Trial) -> Candidate:
    made = trial.artifact
    return Candidate(
        recipe=trial.recipe, format=made.format, variant=made.variant, runtime=trial.runtime, options=trial.options
    )


def _tell(
    bench: Workbench, candidates: Sequence[Candidate], skipped: tuple[Skipped, ...], training_s: float | None
) -> None:
    """Say what comes, what it will take with ``training_s`` for each training, and what it leaves out."""
    request, summary = bench.request, bench.given.summary
    trainings = slimming.trainings(bench, candidates)
    outline = plan.outline(
        candidates,
        bench.given.model,
        summary.selection,
        np.load(bench.given.timing, mmap_mode="r")[0].nbytes,
        0 if bench.untimed else request.protocol.rounds,
        summary.certification,
        _beside_s(bench) + trainings * (training_s if training_s is not None else slimming.USUAL_S),
    )
    if trainings:
        outline = replace(outline, disk_bytes=outline.disk_bytes + training_bytes(bench))
    doubt = guard.enough(summary.certification, request.target.budget.max_drop)
    bench.watch(replace(outline, findings=(doubt,) if doubt else (), skipped=skipped, effort=request.effort))


def _beside_s(bench: Workbench) -> float:
    """The seconds for robustness and the diagnosis."""
    request, summary = bench.request, bench.given.summary
    scale = cost.Scale(
        model=bench.given.model, selection=summary.selection, certification=summary.certification, rounds=0
    )
    diagnosis_s = cost.diagnosis_s(scale) if request.diagnose else 0.0
    return diagnosis_s + cost.disturbing_s(scale, request.effort, request.time_limit_s)
