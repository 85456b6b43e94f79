"""How a model answers: its accuracy and calibration, its latency as a float artifact, and its robustness."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_opt import registry, units
from edge_opt.errors import EdgeOptError
from edge_opt.flows.diagnosis.robustness import robustness_of
from edge_opt.flows.diagnosis.subject import Subject, left_out, timing_inputs
from edge_opt.flows.given import environment_of
from edge_opt.flows.workbench import origin
from edge_opt.inputs import targets
from edge_opt.stages import plan
from edge_opt.stages.benchmark import Protocol, benchmark
from edge_opt.stages.observe.answers import Answers
from edge_opt.stages.observe.behaviour import of_behaviour
from edge_opt.stages.optimize import Start, begin, finish
from edge_opt.stages.plan import cost
from edge_opt.store import Cache
from edge_opt.types import (
    Artifact,
    Behaviour,
    Entry,
    Failure,
    Finding,
    Preprocessing,
    Robustness,
    Source,
    Step,
    Target,
    Watch,
)

ORIGINAL = "original"
_ROUNDS = 5
_ROBUSTNESS_S = 180.0  # what the disturbed samples may take, unless the user names a number of them
_LEAST = 200


@dataclass(frozen=True, kw_only=True)
class Look:
    """How closely to look: on which target the model is timed, and how many samples are disturbed."""

    source: Source | None
    target: Target
    cache: Path | None = None
    most: int | None = None


def behaviour_of(
    subject: Subject, answers: Answers, look: Look, device: registry.Device
) -> tuple[Behaviour | None, tuple[Finding, ...]]:
    """How the model answers the samples of ``answers``, and what of it could not be looked at.

    None for data without labels: nobody knows which answers are right.
    """
    if not subject.data.labelled:
        return None, (left_out("how the model answers", "the data have no labels", "give some samples with labels"),)
    latency_ns, untimed = _latency(subject, answers, look, device)
    robustness, fewer = _robustness(subject, answers, look, latency_ns)
    found = of_behaviour(
        ORIGINAL,
        answers,
        subject.classes,
        subject.judged_on,
        latency_ns=latency_ns,
        size_bytes=subject.model.size_bytes,
        robustness=robustness,
    )
    return found, (*untimed, *fewer)


def _latency(
    subject: Subject, answers: Answers, look: Look, device: registry.Device
) -> tuple[float | None, tuple[Finding, ...]]:
    """The median latency of the model as a float32 artifact on the target: what an application would run unchanged."""
    machine = environment_of(device)
    mismatch = targets.mismatch(look.target, machine)
    if mismatch or look.source is None:
        return None, (left_out("the inference time", mismatch),) if mismatch else ()
    run, key = subject.run, f"latency of {subject.fingerprint} on {look.target.name}"
    inputs = timing_inputs(subject, answers.samples)
    try:
        candidate = plan.baseline(look.target, machine.isa, look.source.kind)
        start = Start(
            model=subject.model,
            source=look.source,
            calibration=inputs,
            origin=origin(look.source, subject.allow_code),
            cache=Cache(look.cache, _saying_less(subject.watch)) if look.cache else None,
        )
        subject.watch(Step(stage="convert", what=candidate.export_id, done=0, total=1))

        def convert() -> Artifact | Failure:
            (export,) = begin([candidate], {(): start}, run, subject.executor)
            return finish(candidate, export, start, run, device)

        made = run.once(f"artifact for the {key}", Artifact | Failure, convert)
        if isinstance(made, Failure):
            return None, (left_out("the inference time", made.message, made.hint),)
        entry = Entry(path=run.folder / made.path, runtime=candidate.runtime, options=candidate.options)
        timed, broken = benchmark(
            {candidate.id: entry},
            inputs,
            device,
            run,
            wave=key,
            threads=1,
            seed=subject.seed,
            protocol=Protocol(rounds=_ROUNDS),
            tell=lambda what, done, total: subject.watch(Step(stage="benchmark", what=what, done=done, total=total)),
        )
    except EdgeOptError as error:  # of a runtime that is missing, or busy: nothing else depends on the time
        return None, (left_out("the inference time", error.message, error.hint),)
    if broken:
        return None, (left_out("the inference time", next(iter(broken.values()))),)
    return timed[candidate.id].median_ns, ()


def _saying_less(watch: Watch) -> Watch:
    """``watch`` without the note that an artifact was copied: here it is only timed."""
    return lambda event: None if isinstance(event, Finding) and event.code == "EO515" else watch(event)


def _robustness(
    subject: Subject, answers: Answers, look: Look, latency_ns: float | None
) -> tuple[Robustness | None, tuple[Finding, ...]]:
    """How the model answers disturbed samples: as many as the user asked for, or as the time allows."""
    if look.most == 0:
        return None, ()
    if not isinstance(subject.contract, Preprocessing):
        return None, (left_out("the robustness", "the samples are no pictures"),)
    count = len(answers.samples)
    most = min(count, look.most or _affordable(subject, latency_ns))
    found = robustness_of(
        ORIGINAL,
        subject.ask,
        subject.contract,
        answers.samples,
        answers.samples.labels,
        subject.classes,
        subject.judged_on,
        subject.run,
        subject.fingerprint,
        seed=subject.seed,
        most=most,
        watch=subject.watch,
    )
    if most == count:
        return found, ()
    return found, (
        Finding(
            code="EO135",
            level="info",
            message=f"robustness is measured on {units.format_count(most)} of {units.format_count(count)} samples",
            hint="--samples says how many",
        ),
    )


def _affordable(subject: Subject, latency_ns: float | None) -> int:
    """How many samples can be disturbed in the time that there is."""
    scale = cost.Scale(model=subject.model, selection=0, certification=0, rounds=0, float_ns=latency_ns)
    return max(_LEAST, int(_ROBUSTNESS_S / cost.disturbing_one_s(scale)))
