"""A model, its data and its history → what limits it, with all that this was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_opt import registry
from edge_opt.errors import DataError, EdgeOptError, InputError, MissingPackage, ModelError, StepFailed
from edge_opt.flows.contract import contract_of, written_for
from edge_opt.flows.diagnosis.behaviour import Look, behaviour_of
from edge_opt.flows.diagnosis.subject import Subject, answers_of, contracts_tried, left_out, parts_of, structure_of
from edge_opt.flows.prepare import asking, classes_of, frontend_of, names_of, read_data
from edge_opt.inputs import dataset as datasets
from edge_opt.inputs import history as histories
from edge_opt.stages import diagnose as diagnosing
from edge_opt.stages.observe.answers import Answers
from edge_opt.stages.observe.data import of_data
from edge_opt.stages.observe.structure import normalises_first, of_structure
from edge_opt.stages.observe.training import of_training
from edge_opt.store import Run
from edge_opt.types import (
    ArrayPreprocessing,
    Contract,
    DataEvidence,
    Diagnosis,
    Finding,
    History,
    Model,
    Preprocessing,
    Source,
    Step,
    Target,
    Watch,
)

_LARGEST = 256  # pixels: the side of pictures that are looked at without a model


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for; without ``history``, one that lies beside the model is taken."""

    model: Path
    data: Path
    target: Target
    history: Path | None = None
    samples: int | None = None  # how many are disturbed to measure robustness; None: as many as a few minutes allow
    cache: Path | None = None
    seed: int = 0
    allow_code: bool = False


@dataclass(frozen=True, kw_only=True)
class Diagnosed:
    """The diagnosis, the model it is of, and the samples that it was judged by; None where they could not be read."""

    diagnosis: Diagnosis
    model: Model | None
    judged: datasets.Samples | None
    classes: tuple[str, ...]


def diagnose(
    request: Request, *, run: Run, device: registry.Device, executor: registry.Executor, watch: Watch
) -> Diagnosed:
    """What limits the model, from everything that can be looked at.

    What cannot be, as a model with two outputs or data of one class, is a finding, and the rest is done. Raises the
    error of the model where the data cannot be used either.
    """
    opened = _open(request, run, executor, watch)
    history, said = history_of(request.model, request.history)
    findings = [*opened.findings, *said]
    if opened.subject:
        findings += _replaced(opened.subject)
    answers: Mapping[str, Answers] = {}
    structure, behaviour = None, None
    if opened.subject:
        answers = answers_of(opened.subject)
        structure, said = structure_of(opened.subject)
        findings += said
        look = Look(source=opened.source, target=request.target, cache=request.cache, most=request.samples)
        behaviour, said = behaviour_of(opened.subject, list(answers.values())[-1], look, device)
        findings += said
    elif opened.model:
        structure = of_structure(opened.model, (), False)
    data = None
    if opened.data and opened.contract:
        data, said = data_of(opened.data, opened.contract, answers, opened.subject, request.seed, watch)
        findings += said
    classes = opened.subject.classes if opened.subject else ()
    labelled = opened.subject is not None and opened.subject.data.labelled
    training = of_training(history, answers if labelled else {}, classes)
    watch(Step(stage="judge", what="what was seen", done=0, total=1))
    return Diagnosed(
        diagnosis=Diagnosis(
            symptoms=diagnosing.diagnose(data, training, structure, behaviour, classes),
            data=data,
            training=training,
            structure=structure,
            behaviour=behaviour,
            findings=tuple(findings),
        ),
        model=opened.model,
        judged=opened.subject.judging if opened.subject else None,
        classes=classes,
    )


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """What could be loaded and read; ``subject`` where all of it could."""

    model: Model | None = None
    source: Source | None = None
    data: datasets.Dataset | None = None
    contract: Contract | None = None
    subject: Subject | None = None
    findings: tuple[Finding, ...] = ()


def _open(request: Request, run: Run, executor: registry.Executor, watch: Watch) -> _Opened:
    """The model, the data and their contract, each as far as it can be used. Raises where nothing can."""
    datasets.find(request.data)
    frontend = frontend_of(request.model)
    watch(Step(stage="load", what=str(request.model), done=0, total=1))
    model: Model
    source: Source
    try:
        loading = executor.submit(frontend.prepare, request.model, run.scratch("source"), request.allow_code)
        model, source = loading.result()
        outputs = classes_of(model.outputs[0])
    except (ModelError, StepFailed) as error:
        data = read_data(request.data, watch)  # raises where nothing is left to be looked at
        contract = written_for(data) or _as_stored(data)
        return _Opened(data=data, contract=contract, findings=(_unusable("EO130", "the model", error), *data.findings))
    try:
        data = read_data(request.data, watch, model.inputs[0])
        fits = datasets.check_outputs(data, outputs)
    except DataError as error:
        return _Opened(model=model, source=source, findings=(_unusable("EO132", "the data", error),))
    ask = asking(request.model, executor, request.allow_code)
    samples = list(data.splits.values())[-1]
    try:
        contract, found = contract_of(data, model.inputs[0], samples, ask, run, watch, request.model)
    except InputError as error:  # nobody knows how to ask the model, and the samples can be looked at as they are
        unasked = _unusable("EO132", "what the model answers to the data", error)
        findings = (unasked, *data.findings, *fits)
        return _Opened(model=model, source=source, data=data, contract=_as_stored(data), findings=findings)
    subject = Subject(
        model=model,
        data=data,
        parts=parts_of(data, request.seed),
        contract=contract,
        classes=names_of(data, outputs),
        ask=ask,
        run=run,
        executor=executor,
        watch=watch,
        seed=request.seed,
        allow_code=request.allow_code,
    )
    return _Opened(
        model=model,
        source=source,
        data=data,
        contract=contract,
        subject=subject,
        findings=(*data.findings, *fits, *found),
    )


def _as_stored(data: datasets.Dataset) -> Contract:
    """The contract that changes nothing but the size of large pictures, where no model says what it takes."""
    sample = next(iter(data.splits.values())).image(0)
    if data.kind == "array":
        return ArrayPreprocessing(shape=sample.shape)
    *size, channels = sample.shape
    height, width = (max(1, round(side * min(1.0, _LARGEST / max(size)))) for side in size)
    return Preprocessing(color="gray" if channels == 1 else "rgb", height=height, width=width)


def history_of(model: Path, given: Path | None) -> tuple[History | None, tuple[Finding, ...]]:
    """The history that was given, or that lies beside the model; what is wrong with it is a finding."""
    path = given or histories.find(model)
    if path is None:
        return None, ()
    try:
        return histories.read(path), ()
    except InputError as error:
        return None, (_unusable("EO133", "the history of the training", error),)


def data_of(
    data: datasets.Dataset,
    contract: Contract,
    answers: Mapping[str, Answers],
    subject: Subject | None,
    seed: int,
    watch: Watch,
) -> tuple[DataEvidence | None, tuple[Finding, ...]]:
    """What is to be seen in the data, with what ``subject``'s model answers; a finding where a package is missing."""
    try:
        seen = of_data(
            data,
            contract,
            answers if data.labelled else {},
            contracts_tried(subject) if subject else (),
            normalises_first(subject.model) if subject else True,  # nobody knows: no contract is to be blamed
            seed=seed,
            tell=lambda what, done, total: watch(Step(stage="data", what=what, done=done, total=total)),
        )
    except MissingPackage as error:
        return None, (left_out("the data", error.message, error.hint),)
    return seen, ()


def _replaced(subject: Subject) -> tuple[Finding, ...]:
    """A note where the documents of another model, or other data, lay in the folder until now."""
    key = "diagnosed"
    before = subject.run.known(key, str, "")
    if before == subject.fingerprint:
        return ()
    subject.run.append(key, subject.fingerprint)
    if not before:
        return ()
    return (
        Finding(
            code="EO136",
            level="info",
            message=f"'{subject.run.folder}' held the diagnosis of another model or other data, which is replaced",
            hint="-o names another folder",
        ),
    )


def _unusable(code: str, what: str, error: EdgeOptError) -> Finding:
    """That a part of what was given cannot be used, in the words of the error; the rest is looked at."""
    return Finding(code=code, level="error", message=f"{what} cannot be looked at: {error.message}", hint=error.hint)
