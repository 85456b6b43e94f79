"""What a diagnosis was read from: the model as it is, its classes, its training and its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_opt import units
from edge_opt.results.report.document.blocks import (
    Block,
    Bullets,
    Code,
    Content,
    Details,
    Head,
    Paragraph,
    Table,
    plain,
)
from edge_opt.results.report.document.writing import NONE, Pen
from edge_opt.types import Behaviour, DataEvidence, Diagnosis, Model, Structure, TrainingEvidence

Row = tuple[str, Content]
_SHOWN = 20  # classes


def rows(diagnosis: Diagnosis, model: Model | None, pen: Pen) -> list[Row]:
    """What was measured of the model, and its value in words."""
    found: list[Row] = []
    if diagnosis.behaviour:
        found += _behaviour(diagnosis.behaviour, pen)
    found += _training(diagnosis.training, pen)
    if model:
        found.append((pen.text("parameters"), pen.how(model.parameters, "count")))
        found.append((pen.text("macs"), pen.how(model.macs, "count")))
    if diagnosis.structure:
        found += _structure(diagnosis.structure, pen)
    return found


def as_it_is(diagnosis: Diagnosis, model: Model | None, pen: Pen) -> Iterator[Block]:
    """The table of what was measured, and how it does class by class."""
    found = rows(diagnosis, model, pen)
    if found:
        heads = (Head(pen.text("measure"), right=False), Head(pen.text("value"), right=False))
        yield Table(pen.text("model_label"), heads, tuple(found))
    if diagnosis.behaviour:
        yield from _classes(diagnosis.behaviour, class_names(diagnosis), pen)


def class_names(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The classes that were asked for and answered; numbers stand for those that neither data nor labels name."""
    behaviour, named = diagnosis.behaviour, diagnosis.data.classes if diagnosis.data else ()
    if behaviour is None:
        return named
    seen = sorted(set(behaviour.labels))
    known = {**dict(zip(seen, behaviour.accuracy.per_class, strict=False)), **dict(enumerate(named))}
    count = 1 + max((*known, *behaviour.accuracy.predictions), default=-1)
    return tuple(known.get(place, str(place)) for place in range(count))


def data(evidence: DataEvidence, pen: Pen) -> Iterator[Block]:
    """The splits, and what was seen in them."""
    if evidence.splits:
        heads = (
            Head(pen.text("split"), right=False),
            Head(pen.text("count")),
            Head(pen.text("smallest_class"), right=False),
            Head(pen.text("largest_class"), right=False),
        )
        rows = []
        for split in evidence.splits:
            extremes: tuple[str, str] = (NONE, NONE)
            if evidence.labelled and split.per_class:
                places = range(len(split.per_class))
                low, high = min(places, key=lambda i: split.per_class[i]), max(places, key=lambda i: split.per_class[i])
                extremes = (_class(evidence, low, split.per_class, pen), _class(evidence, high, split.per_class, pen))
                if split.per_class[low] == split.per_class[high]:
                    extremes = (pen.text("each_class", count=split.per_class[low]),) * 2
            rows.append((pen.word(split.name), pen.how(split.samples, "count"), *extremes))
        yield Table(pen.text("splits_label"), heads, tuple(rows))
    yield Bullets(tuple(_seen(evidence, pen)))


def _class(evidence: DataEvidence, place: int, counts: tuple[int, ...], pen: Pen) -> str:
    name = evidence.classes[place] if place < len(evidence.classes) else str(place)
    return pen.text("class_of", name=name, count=counts[place])


def _seen(evidence: DataEvidence, pen: Pen) -> Iterator[Content]:
    inputs, files, faults = evidence.inputs, evidence.unreadable, evidence.faults
    yield pen.say("inputs_seen", low=inputs.low, high=inputs.high, mean=inputs.mean, deviation=inputs.deviation)
    if files.corrupt or files.missing:
        yield pen.say("unreadable_seen", total=files.total, corrupt=files.corrupt, missing=files.missing)
    for one in evidence.overlaps:
        facts = {"samples": one.samples, "exact": one.exact, "near": one.near}
        yield pen.say("overlap_seen", later=one.later, earlier=one.earlier, **facts)
    for shift in evidence.shifts:
        yield pen.say("shift_seen", first=shift.first, second=shift.second, auc=shift.auc, p=shift.p_value)
    for doubts in evidence.label_doubts:
        yield pen.say(
            "doubts_seen",
            doubtful=doubts.doubtful,
            samples=doubts.samples,
            split=doubts.split,
            scattered=doubts.scattered,
        )
    if faults:
        yield pen.say(
            "faults_seen",
            looked_at=faults.looked_at,
            dark=faults.dark,
            bright=faults.bright,
            blurred=faults.blurred,
            flat=faults.flat,
            odd=faults.odd_sized,
        )


def _behaviour(behaviour: Behaviour, pen: Pen) -> Iterator[Row]:
    accuracy, disturbed, latency = behaviour.accuracy, behaviour.robustness, behaviour.latency_ns
    samples = len(accuracy.scores)
    yield pen.text("accuracy"), pen.text("accuracy_on", value=accuracy.value, samples=samples, split=accuracy.split)
    yield pen.text("calibration_error"), pen.how(behaviour.calibration_error, "percent2")
    yield pen.text("inference_time"), pen.text("not_timed") if latency is None else pen.how(latency, "duration")
    yield pen.text("model_size"), pen.how(behaviour.size_bytes, "bytes")
    if disturbed:
        conditions = len(disturbed.conditions)
        told = pen.text("robustness_on", value=disturbed.value, conditions=conditions, samples=disturbed.samples)
        yield pen.text("robustness"), told
    else:
        yield pen.text("robustness"), pen.text("not_measured")


def _training(training: TrainingEvidence, pen: Pen) -> Iterator[Row]:
    if history := training.history:
        epochs = max(len(history.loss), len(history.val_loss), len(history.accuracy), len(history.val_accuracy))
        yield pen.text("learned_from"), pen.say("epochs_in", epochs=epochs, source=Code(Path(history.source).name))
    if fit := training.fit:
        trained = pen.text("of_samples", value=fit.trained, samples=fit.trained_samples)
        yield pen.text("trained_accuracy"), trained
        yield pen.text("held_out_accuracy"), pen.text("of_samples", value=fit.held_out, samples=fit.held_out_samples)
        yield pen.text("chance"), pen.how(fit.chance, "percent2")


def _structure(structure: Structure, pen: Pen) -> Iterator[Row]:
    if structure.largest_layer:
        layer, kind, share = Code(structure.largest_layer), structure.largest_kind, structure.largest_share
        yield pen.text("largest_layer"), pen.say("largest_layer_is", layer=layer, kind=kind, share=share)
    if structure.looked_inside:
        dead, channels = (sum(getattr(one, name) for one in structure.activity) for name in ("dead", "channels"))
        yield pen.text("dead_channels"), pen.text("dead_of", dead=dead, channels=channels)


def _classes(behaviour: Behaviour, names: Sequence[str], pen: Pen) -> Iterator[Block]:
    """The weakest classes, with what each is taken for most often."""
    accuracy = behaviour.accuracy
    known = [i for i, name in enumerate(names) if name in accuracy.per_class]
    if not known or accuracy.metric != "top1":
        return
    confused = Counter(
        (label, answer)
        for label, answer, score in zip(behaviour.labels, accuracy.predictions, accuracy.scores, strict=True)
        if not score
    )
    weakest = sorted(known, key=lambda i: (accuracy.per_class[names[i]], names[i]))[:_SHOWN]
    rows = []
    for i in weakest:
        with_it = [(count, -other) for (label, other), count in confused.items() if label == i]
        count, other = max(with_it, default=(0, 0))
        value = pen.language.localised(units.format_percent(accuracy.per_class[names[i]], unit=False))
        told = pen.text("confused_times", name=_name(names, -other), count=count) if count else NONE
        rows.append((names[i], value, told))
    heads = (
        Head(pen.text("class"), right=False),
        Head(pen.text("accuracy_percent")),
        Head(pen.text("most_confused"), right=False),
    )
    label = pen.text("classes_label")
    yield Details(label, (Table(label, heads, tuple(rows)),))


def _name(names: Sequence[str], place: int) -> str:
    return names[place] if place < len(names) else str(place)


def counts(diagnosis: Diagnosis, pen: Pen) -> str:
    """How many symptoms there are of each severity: ``1 problem, 2 warnings``."""
    found = Counter(one.severity for one in diagnosis.symptoms)
    told = [pen.text(f"count_{name}", count=found[name]) for name in ("problem", "warning", "hint") if found[name]]
    return pen.language.listed(told, quote=False) if told else pen.text("count_nothing")


def lead(diagnosis: Diagnosis, model: Model | None, pen: Pen) -> Paragraph:
    """What came of it, in a sentence."""
    if model is None:
        return Paragraph(pen.say("diagnosis_lead_unknown", counts=counts(diagnosis, pen)), kind="lead")
    said = pen.say("diagnosis_lead", model=Code(model.path.name), counts=counts(diagnosis, pen))
    return Paragraph(said, kind="lead")


def lines(diagnosis: Diagnosis, model: Model | None, pen: Pen) -> list[tuple[str, str]]:
    """The table without marks, for a terminal."""
    return [(name, plain(value)) for name, value in rows(diagnosis, model, pen)]
