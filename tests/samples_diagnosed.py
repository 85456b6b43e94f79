"""Nouns of a diagnosed run, for tests: `a_whole_report()` is a report with everything that one can have.

Every answer comes from a little arithmetic with whole numbers, so that it is the same everywhere; verdicts and margins
are computed from the answers by the stages themselves, and symptoms are written down here.
"""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import replace
from typing import Any

from edge_opt import confidence, types
from edge_opt.stages import guard, quality
from tests.samples import CERTIFICATION, CLASSES, SELECTION, a_recipe, a_report, a_trial, an_accuracy, an_interval

BEST = "static_int8/tflite/litert"
KINDS = ("rotation", "translation", "zoom", "brightness", "contrast", "blur", "noise", "jpeg")
STRENGTHS = 5
# the class → how often it is answered wrongly, and as what
_WRONG = {
    "shirt": (0.31, "t-shirt"),
    "pullover": (0.19, "coat"),
    "coat": (0.17, "pullover"),
    "t-shirt": (0.15, "shirt"),
    "dress": (0.10, "coat"),
    "ankle boot": (0.05, "sneaker"),
    "sneaker": (0.04, "ankle boot"),
    "sandal": (0.03, "sneaker"),
    "bag": (0.02, "shirt"),
    "trousers": (0.02, "dress"),
}
_COST = {
    "rotation": 0.085, "translation": 0.11, "zoom": 0.05, "brightness": 0.03,
    "contrast": 0.04, "blur": 0.06, "noise": 0.07, "jpeg": 0.02,
}  # fmt: skip


def _chance(i: int, salt: int) -> float:
    """A number in 0..1 for sample ``i``, as if drawn."""
    mixed = ((i + 1) * 2_654_435_761 + salt * 40_503) % 2**32
    mixed ^= mixed >> 15
    return (mixed * 2_246_822_519 % 2**32) / 2**32


def answers(
    split: types.Split, *, salt: int = 0, worse: float = 0.0, condition: str = "clean", sure: float = 0.0
) -> types.Accuracy:
    """What a model answers to a split whose labels go round the classes; ``worse`` is lost beside the usual mistakes.

    ``salt`` turns a few answers, so that two models differ; ``sure`` is added to every confidence.
    """
    samples = SELECTION if split == "selection" else CERTIFICATION
    predictions, scores, confidences = [], [], []
    for i in range(samples):
        name = CLASSES[i % len(CLASSES)]
        rate, other = _WRONG[name]
        turned = salt and _chance(i, 1000 + salt) < 0.012
        wrong = (_chance(i, 1) < rate) != bool(turned and _chance(i, 7) < 0.55) or _chance(i, 3) < worse
        answered = CLASSES.index(other) if wrong else i % len(CLASSES)
        predictions.append(answered)
        scores.append(int(answered == i % len(CLASSES)))
        low, high = (0.45, 0.93) if wrong else (0.72, 1.0)
        confidences.append(round(min(low + (high - low) * _chance(i, 5) ** 0.5 + sure, 1.0), 4))
    return types.Accuracy(
        metric="top1",
        condition=condition,
        split=split,
        scores=tuple(scores),
        predictions=tuple(predictions),
        value=sum(scores) / samples,
        per_class={
            name: sum(scores[k :: len(CLASSES)]) / len(scores[k :: len(CLASSES)]) for k, name in enumerate(CLASSES)
        },
        confidences=tuple(confidences),
    )


@functools.cache
def a_robustness(model: str = "original", split: types.Split = "selection", salt: int = 0) -> types.Robustness:
    """Accuracy under 8 kinds at 5 strengths, falling with the strength."""
    conditions = tuple(
        answers(split, salt=salt + (place if salt else 0), worse=_COST[kind] * strength, condition=f"{kind}@{strength}")
        for place, kind in enumerate(KINDS)
        for strength in range(1, STRENGTHS + 1)
    )
    return types.Robustness(
        model=model,
        split=split,
        samples=SELECTION if split == "selection" else CERTIFICATION,
        clean=answers(split, salt=salt),
        conditions=conditions,
        value=sum(one.value for one in conditions) / len(conditions),
    )


@functools.cache
def a_quality() -> types.Quality:
    """The best against the baseline, as the stage compares them."""
    return quality.compare(BEST, a_robustness("float32/tflite/litert"), a_robustness(BEST, salt=1), 0.01)


def a_behaviour(model: str = "original", *, salt: int = 0, **changes: Any) -> types.Behaviour:
    """How a model answers the test split."""
    found = answers("certification", salt=salt)
    behaviour = types.Behaviour(
        model=model,
        accuracy=found,
        labels=tuple(i % len(CLASSES) for i in range(CERTIFICATION)),
        calibration_error=confidence.calibration_error(found.scores, found.confidences),
        latency_ns=156_000.0,
        size_bytes=2_934_000,
        robustness=a_robustness(),
    )
    return replace(behaviour, **changes)


def a_history(epochs: int = 20) -> types.History:
    """A training that went on after its best epoch, the eighth."""
    loss = tuple(round(0.62 * 0.86**epoch + 0.02, 4) for epoch in range(epochs))
    val_loss = tuple(round(0.60 * 0.80**epoch + 0.33 + 0.0085 * max(0, epoch - 5) ** 1.2, 4) for epoch in range(epochs))
    return types.History(
        source="history.json",
        loss=loss,
        val_loss=val_loss,
        accuracy=tuple(round(1 - 0.35 * one, 4) for one in loss),
        val_accuracy=tuple(round(0.89 - 0.2 * 0.6**epoch - 0.0006 * epoch, 4) for epoch in range(epochs)),
        learning_rate=(),
    )


def some_data() -> types.DataEvidence:
    """The embedded clothes, in which nothing is wrong but a few copies and a few labels."""
    return types.DataEvidence(
        kind="picture",
        labelled=True,
        classes=CLASSES,
        splits=(
            types.SplitSummary(name="train", samples=60_000, per_class=(6_000,) * 10),
            types.SplitSummary(name="validation", samples=1_500, per_class=(150,) * 10),
            types.SplitSummary(name="test", samples=10_000, per_class=(1_000,) * 10),
        ),
        unreadable=types.Unreadable(total=71_500, corrupt=0, missing=0, examples=()),
        inputs=types.InputRange(
            low=0.0, high=1.0, mean=0.286, deviation=0.353, normalised_inside=False, extreme=0, samples=10_000
        ),
        contracts=(
            types.ContractTried(contract="pixel / 255", given=True, right=440, samples=500),
            types.ContractTried(contract="pixel as it is", given=False, right=61, samples=500),
        ),
        overlaps=(
            types.Overlap(
                later="test", earlier="train", samples=10_000, exact=3, near=38, expected=31.0, examples=("test[44]",)
            ),
        ),
        shifts=(
            types.Shift(
                first="train",
                second="test",
                samples=4_000,
                auc=0.503,
                p_value=0.41,
                features=(
                    types.FeatureShift(name="brightness", statistic=0.012, p_value=0.8, first=0.286, second=0.287),
                ),
            ),
        ),
        label_doubts=(
            types.LabelDoubts(
                split="test", samples=10_000, right=8_800, doubtful=112, scattered=4, examples=("test[9]",)
            ),
        ),
        faults=types.PictureFaults(
            looked_at=4_000, dark=0, bright=0, blurred=2, flat=0, odd_sized=0, examples={"blurred": ("test[71]",)}
        ),
    )


def a_structure() -> types.Structure:
    """A small CNN without normalisation, half of whose parameters lie in one dense layer."""
    return types.Structure(
        parameters=241_546,
        macs=7_500_000,
        largest_layer="dense",
        largest_kind="Dense",
        largest_share=0.523,
        convolutions=3,
        normalisations=0,
        activity=(types.Activity(layer="conv1", kind="Conv2D", channels=32, dead=3),),
        looked_inside=True,
    )


@functools.cache
def a_diagnosis() -> types.Diagnosis:
    """What limits the clothes classifier: a problem with its consequence, a warning and two hints."""
    data, structure, behaviour = some_data(), a_structure(), a_behaviour()
    held_out = behaviour.accuracy.value
    training = types.TrainingEvidence(
        history=a_history(),
        fit=types.Fit(
            trained=0.9812,
            trained_samples=10_000,
            held_out=held_out,
            held_out_samples=CERTIFICATION,
            chance=0.1,
        ),
    )
    return types.Diagnosis(
        symptoms=(*_of_training(held_out), _of_confusion(behaviour), *_of_the_rest(a_robustness())),
        data=data,
        training=training,
        structure=structure,
        behaviour=behaviour,
        findings=(
            types.Finding(
                code="EO131",
                level="warning",
                message="the inference time could not be looked at: this CPU has no avx512_bf16",
                hint="give another --target",
            ),
        ),
    )


def _of_training(held_out: float) -> tuple[types.Symptom, ...]:
    return (
        types.Symptom(
            code="EO701",
            severity="problem",
            size=0.9812 - held_out,
            facts={"trained": 0.9812, "held_out": held_out, "gap": 0.9812 - held_out, "epoch": 11},
        ),
        types.Symptom(
            code="EO704",
            severity="warning",
            size=0.08,
            facts={"epoch": 11, "epochs": 20, "risen": 0.1612},
            explained_by="EO701",
        ),
    )


def _of_confusion(behaviour: types.Behaviour) -> types.Symptom:
    found = Counter(zip(behaviour.labels, behaviour.accuracy.predictions, strict=True))
    true, answered = CLASSES.index("shirt"), CLASSES.index("t-shirt")
    return types.Symptom(
        code="EO803",
        severity="warning",
        size=0.046,
        facts={
            "true": "shirt",
            "answered": "t-shirt",
            "count": found[true, answered],
            "samples": 1_000,
            "share": found[true, answered] / 1_000,
            "back": found[answered, true],
            "back_samples": 1_000,
        },
        names=("shirt", "t-shirt"),
    )


def _of_the_rest(robustness: types.Robustness) -> tuple[types.Symptom, ...]:
    at_3 = {one.condition: one.value for one in robustness.conditions if one.condition.endswith("@3")}
    return (
        types.Symptom(
            code="EO805",
            severity="hint",
            size=robustness.clean.value - robustness.value,
            facts={
                "clean": robustness.clean.value,
                "worst": "translation",
                "worst_accuracy": at_3["translation@3"],
                "second": "rotation",
                "second_accuracy": at_3["rotation@3"],
                "mean": robustness.value,
                "conditions": len(robustness.conditions),
                "samples": robustness.samples,
            },
            names=("translation", "rotation"),
        ),
        types.Symptom(code="EO808", severity="hint", size=0.01, facts={"convolutions": 3}),
    )


@functools.cache
def a_whole_report() -> types.Report:
    """A run with a diagnosis, a guarded quality, a ladder, and the answers of the best on the test split."""
    diagnosis = a_diagnosis()
    after = a_behaviour(BEST, salt=1, latency_ns=50_200.0, size_bytes=257_000)
    baseline = answers("certification")
    certificate = types.Certificate(
        status="pass",
        trial=BEST,
        verdict=guard.judge(baseline, after.accuracy, 0.01),
        baseline=baseline,
        accuracy=after.accuracy,
        ledger=(
            types.Access(trial="original", status=None, purpose="diagnosis"),
            types.Access(trial=BEST, status="pass"),
            types.Access(trial=BEST, status=None, purpose="diagnosis"),
        ),
    )
    report = a_report()
    return replace(
        report,
        trials=(*report.trials, *_rungs(report.trials[5])),
        certificate=certificate,
        diagnosis=diagnosis,
        after=after,
        quality=a_quality(),
    )


def _rungs(fallen: types.Trial) -> tuple[types.Trial, ...]:
    """Two answers to the static_int8 that lost too much."""
    baseline = an_accuracy(1_321)
    static = a_recipe().quantization
    found = []
    for name, quantization, drop, speed, follows in (
        ("static_int8_mse", replace(static, range_method="mse"), (0.011, 0.018, 0.025), (1.01, 1.05, 1.08), fallen.id),
        (
            "static_int8_mse_float1",
            replace(static, range_method="mse", keep_float=("conv1",)),
            (-0.001, 0.003, 0.007),
            (0.99, 1.02, 1.06),
            "static_int8_mse/onnx/onnxruntime/s8s8",
        ),
    ):
        recipe = replace(a_recipe(), name=name, quantization=quantization, follows=follows, reason="'it' drops 3.00 pp")
        made = a_trial(
            "static_int8", "onnx", "onnxruntime", "s8s8", latency_ns=149_000, speed_up=speed, size_bytes=281_000
        )
        interval = an_interval(drop)
        status: types.Status = "fail" if drop[0] > 0.01 else "pass"
        verdict = replace(guard.judge(baseline, baseline, 0.01), status=status, drop=interval)
        found.append(replace(made, id=f"{name}/onnx/onnxruntime/s8s8", recipe=recipe, verdict=verdict))
    return tuple(found)
