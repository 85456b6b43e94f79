"""Recipes with passes → the float networks that their exports start from, each made once, one pass after the other."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_opt import units
from edge_opt.errors import InputError, MissingPackage, StepFailed, TimedOut
from edge_opt.flows import lesson
from edge_opt.flows.costs import costs_of
from edge_opt.flows.prepare import frontend_of
from edge_opt.flows.trials import Failures
from edge_opt.flows.workbench import Workbench
from edge_opt.inputs.recipes import pass_of
from edge_opt.stages import reshape as passes
from edge_opt.stages.optimize import Start, Starts
from edge_opt.store import code, content, dump
from edge_opt.types import Candidate, Context, Failure, Finding, Model, Net, Progress, Source, Step

Passes = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Unmade:
    """Why a network could not be made."""

    message: str
    hint: str


def reshape(bench: Workbench, candidates: Sequence[Candidate], training_s: float | None) -> tuple[Starts, Failures]:
    """What the exports of ``candidates`` start from, by their passes, and a failure for each that has nothing to.

    Every pass starts from the network of the passes before it, and takes ``training_s`` for its training, or what it
    needs where that is None. What was made before a kill is in the journal, and a training goes on where it was.
    """
    starts: dict[Passes, Start] = {(): bench.start}
    unmade: dict[Passes, Unmade] = {}
    for wanted in dict.fromkeys(one.recipe.passes for one in candidates):
        for upto in (wanted[: length + 1] for length in range(len(wanted))):
            if upto in starts:
                continue
            outcome = unmade.get(upto[:-1]) or _made(bench, upto, starts[upto[:-1]], training_s)
            if isinstance(outcome, Unmade):
                unmade[upto] = outcome
            else:
                starts[upto] = _start(bench, outcome, candidates, upto)
    failures = tuple(
        Failure(id=one.id, recipe=one.recipe.name, stage="slimming", message=why.message, hint=why.hint)
        for one in candidates
        if (why := unmade.get(one.recipe.passes))
    )
    return starts, failures


def nets(bench: Workbench) -> tuple[Net, ...]:
    """Every network that passes made in this run, in the order in which they were made."""
    found = (bench.run.known(key, Net | Unmade) for key in bench.run.keys if key.startswith(lesson.NET))
    return tuple(one for one in found if isinstance(one, Net))


def findings(bench: Workbench, found: Sequence[Net]) -> tuple[Finding, ...]:
    """What the passes had to say, and what is to be said of the samples that they train on, each once."""
    said = (one for net in found for one in net.changes[-1].findings)
    return tuple(dict.fromkeys((*lesson.findings(bench), *said)))


def _made(bench: Workbench, upto: Passes, before: Start, training_s: float | None) -> Net | Unmade:
    """The network after the passes ``upto``, of which all but the last have led to ``before``."""
    name = "+".join(upto)
    if why := lesson.untaught(bench):
        return Unmade(message=why.why, hint=why.hint)
    if training_s is not None and training_s < lesson.LEAST_S and not bench.run.finished(f"{lesson.NET}{name}"):
        needed, left = units.format_seconds(lesson.LEAST_S), units.format_seconds(training_s)
        return Unmade(
            message=f"no time left: a training needs at least {needed}, and {left} are left for it",
            hint="give more --time-limit, or go on later with --resume",
        )

    def work() -> Net | Unmade:
        try:
            return _net(bench, upto, before.model.path, training_s)
        except MissingPackage:
            raise
        except (StepFailed, InputError) as error:
            return Unmade(message=error.message, hint=error.hint)

    try:
        made: Net | Unmade = bench.run.once(f"{lesson.NET}{name}", Net | Unmade, work)
        return made
    except MissingPackage as error:  # not in the journal: once it is installed, --resume shall try again
        return Unmade(message=error.message, hint=error.hint)


def _net(bench: Workbench, upto: Passes, before: Path, training_s: float | None) -> Net:
    run, request, name = bench.run, bench.request, "+".join(upto)
    asked = pass_of(upto[-1])
    costs = costs_of(bench, before) if asked and asked.PRICED else None
    context = Context(
        lesson=lesson.lesson_of(bench),
        costs=None if isinstance(costs, Finding) else costs,
        multiple=request.target.channels_multiple,
        seed=request.seed,
        seconds=training_s,
        checkpoints=run.training(name),
        progress=run.scratch(f"progress-{name}.json"),
    )
    out = run.scratch(f"net-{name}")
    work = passes.Work(
        word=upto[-1], original=request.model, net=before, allow_code=request.allow_code, context=context, out=out
    )
    parts = _made_from(bench, work)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    # what a limit of time made of a training, another run will hardly ask for again
    cache = bench.start.cache if bench.request.time_limit_s is None else None
    if not (cache and cache.take(parts, out, counted=False)):
        _worked(bench, work, name)
        if cache:
            cache.keep(parts, out, passes.FILE)
    change = passes.change_of(out)
    if isinstance(costs, Finding):
        change = replace(change, findings=(*change.findings, costs))
    stored = run.adopt(out)
    path = stored.folder / passes.FILE
    model, _ = _prepared(bench, run.folder / path, name)
    run.append(f"model of {name}", model)
    changes = (*(next((one.changes for one in nets(bench) if one.name == "+".join(upto[:-1])), ())), change)
    return Net(
        name=name, path=path, sha256=model.sha256, parameters=model.parameters, macs=model.macs, changes=changes,
        seconds=sum(one.seconds for one in change.trained),
    )  # fmt: skip


def _worked(bench: Workbench, work: passes.Work, name: str) -> None:
    """Let the pass work. What takes longer than a job may is ended, and goes on from its checkpoints in another."""

    def tell(now: Progress) -> None:
        bench.watch(Step(stage="train", what=_said(now), done=now.done, total=now.total))

    bench.watch(Step(stage="train", what=name, done=0, total=1))
    while True:
        before = _state(work.context.checkpoints)
        future = bench.executor.submit(passes.apply, frontend_of(bench.request.model), work)
        passes.follow(future, work.context.progress, tell)
        try:
            future.result()
        except TimedOut:
            if _state(work.context.checkpoints) == before:
                raise
        else:
            return


def _state(folder: Path) -> tuple[tuple[str, float], ...]:
    """When which file of ``folder`` was written."""
    found = ((path.relative_to(folder).as_posix(), path.stat().st_mtime) for path in folder.rglob("*.*"))
    return tuple(sorted(found))


def _said(now: Progress) -> str:
    """How far a training is, as "slim50, loss 0.42, 87.1% right, about 25 s left"."""
    loss = f"loss {units.format_number(now.loss)}" if now.loss is not None else ""
    right = f"{units.format_percent(now.accuracy, digits=1)} right" if now.accuracy is not None else ""
    left = f"about {units.format_seconds(now.left_s)} left" if now.left_s is not None else ""
    return ", ".join(filter(None, (now.what, loss, right, left)))


def _made_from(bench: Workbench, work: passes.Work) -> dict[str, Any]:
    """Everything that decides which network comes out: no path, and nothing of the machine but its times."""
    given, context = bench.given, work.context
    return {
        "pass": work.word,
        "model": given.model.sha256,
        "net": content(work.net) if work.net.is_file() else given.model.sha256,
        "data": given.summary.sha256,
        "contract": dump(given.contract),
        "costs": context.costs,
        "multiple": context.multiple,
        "seconds": context.seconds,
        "seed": context.seed,
        **bench.start.origin,
        **code("nets", "frontends", "passes"),
    }


def _prepared(bench: Workbench, path: Path, name: str) -> tuple[Model, Source]:
    """The network as any model that is given: described, and as the float source of its exports."""
    frontend, folder = frontend_of(path), bench.run.scratch(f"source-{name}")
    found: tuple[Model, Source] = bench.executor.submit(
        frontend.prepare, path, folder, bench.request.allow_code
    ).result()
    return found


def _start(bench: Workbench, net: Net, candidates: Sequence[Candidate], passed: Passes) -> Start:
    """What exports of ``net`` start from; its float source is made again only where one of them is to be made."""
    run, path = bench.run, bench.run.folder / net.path
    source = Source(kind="saved_model", path=run.scratch(f"source-{net.name}"))
    # scratch is swept when a run is gone on with
    exports = [f"export {one.export_id}" for one in candidates if one.recipe.passes == passed]
    key = f"model of {net.name}"
    if source.path.exists() or all(map(run.finished, exports)):
        model = run.known(key, Model)
    else:
        model, source = _prepared(bench, path, net.name)
    return replace(bench.start, model=model, source=source)
