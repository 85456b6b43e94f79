"""Symptoms of the behaviour: read from how a model answers labelled samples, undisturbed and disturbed.

A *problem* needs bounds, not estimates, beyond what a well-trained model shows: that of Fashion-MNIST takes one shirt
in six for a T-shirt, and loses a quarter of its accuracy when the picture is turned by 18 degrees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from edge_opt import stats
from edge_opt.types import Accuracy, Behaviour, Interval, Robustness, Severity, Symptom

Sizes = tuple[tuple[Severity, float], ...]

SIGNIFICANCE = 0.05
NO_SKILL = 0.1  # of the way from chance to perfection: less is none
WEAK_GAP = 0.10  # between the bounds of a class and of all others
LOST_CLASS = 1 / 3  # of the accuracy of all others: such a class is as good as not learnt
CONFUSED: Sizes = (("problem", 0.50), ("warning", 0.15), ("hint", 0.08))  # the share of a class answered as one other
MISCALIBRATED: Sizes = (("problem", 0.20), ("warning", 0.05), ("hint", 0.03))
LEAST_GAP = 0.01  # between mean confidence and accuracy, by the bound, to say which of them is too high
SAMPLES_FOR_BINS = 1000  # below, single bins are too small to say that confidences are off both ways
FRAGILE: Sizes = (("warning", 0.15), ("hint", 0.05))  # the accuracy lost at the middle strength of the worst kind
FRAGILE_RETAINED = 1 / 3  # of what is known beyond chance, as the mean over all conditions: less is a problem
MIDDLE = 3


def symptoms(behaved: Behaviour, classes: Sequence[str]) -> Iterator[Symptom]:
    """Every symptom of the behaviour on labelled samples of at least two classes."""
    if behaved.accuracy.metric != "top1" or len(set(behaved.labels)) < 2:
        return
    for check in CHECKS:
        found = check(behaved, classes)
        if found is not None:
            yield found


def confusions(labels: Sequence[int], predictions: Sequence[int], count: int) -> NDArray[np.int64]:
    """How many samples of class ``i`` were answered as class ``j``: ``[i, j]``, for ``count`` classes."""
    found = np.zeros((count, count), np.int64)
    np.add.at(found, (np.asarray(labels, np.int64), np.asarray(predictions, np.int64)), 1)
    return found


def _no_skill(behaved: Behaviour, classes: Sequence[str]) -> Symptom | None:
    accuracy = behaved.accuracy
    samples, right = len(accuracy.scores), sum(accuracy.scores)
    (commonest, most), *_ = Counter(behaved.labels).most_common(1)
    chance = most / samples
    useful = chance + NO_SKILL * (1 - chance)
    if stats.wilson_interval(right, samples, confidence=1 - 2 * SIGNIFICANCE).high < useful:
        severity: Severity = "problem"
    elif stats.binomial_tail(right, samples, chance) > SIGNIFICANCE:
        severity = "warning"  # so few samples that it may be better all the same
    else:
        return None
    return Symptom(
        code="EO801",
        severity=severity,
        size=1 - accuracy.value,
        facts={"accuracy": accuracy.value, "samples": samples, "chance": chance, "commonest": classes[commonest]},
    )


def _weak_class(behaved: Behaviour, classes: Sequence[str]) -> Symptom | None:
    labels, scores = np.asarray(behaved.labels), np.asarray(behaved.accuracy.scores)
    present = np.unique(labels)
    confidence = 1 - 2 * SIGNIFICANCE / len(present)
    weak: list[tuple[float, int, Interval, Interval]] = []
    for index in present.tolist():
        own, others = (_share(scores[those], confidence) for those in (labels == index, labels != index))
        if others.low - own.high >= WEAK_GAP:
            weak.append((own.estimate, index, own, others))
    if not weak:
        return None
    weak.sort(key=lambda one: one[:2])
    _, worst, own, others = weak[0]
    lost = any(mine.high < LOST_CLASS * rest.low for _, _, mine, rest in weak)
    return Symptom(
        code="EO802",
        severity="problem" if lost else "warning",
        size=sum((rest.estimate - mine.estimate) * float((labels == index).mean()) for _, index, mine, rest in weak),
        facts={
            "worst": classes[worst],
            "accuracy": own.estimate,
            "rest": others.estimate,
            "samples": int((labels == worst).sum()),
            "weak": len(weak),
        },
        names=tuple(classes[index] for _, index, _, _ in weak),
    )


def _share(scores: NDArray[np.int64], confidence: float) -> Interval:
    return stats.wilson_interval(int(scores.sum()), len(scores), confidence=confidence)


def _confused(behaved: Behaviour, classes: Sequence[str]) -> Symptom | None:
    matrix = confusions(behaved.labels, behaved.accuracy.predictions, len(classes))
    sizes = matrix.sum(axis=1)
    wrong = matrix * (1 - np.eye(len(classes), dtype=np.int64))
    pairs = max(1, int((sizes > 0).sum()) * (len(classes) - 1))
    confidence = 1 - 2 * SIGNIFICANCE / pairs
    bounds = [
        (stats.wilson_interval(int(wrong[i, j]), int(sizes[i]), confidence=confidence).low, int(i), int(j))
        for i, j in np.argwhere(wrong)
    ]
    if not bounds:
        return None
    low, true, answered = max(bounds, key=lambda one: (one[0], wrong[one[1], one[2]]))
    severity = _severity(CONFUSED, low)
    if severity is None:
        return None
    return Symptom(
        code="EO803",
        severity=severity,
        size=float(wrong[true, answered] + wrong[answered, true]) / len(behaved.labels),
        facts={
            "true": classes[true],
            "answered": classes[answered],
            "count": int(wrong[true, answered]),
            "samples": int(sizes[true]),
            "share": float(wrong[true, answered] / sizes[true]),
            "back": int(wrong[answered, true]),
            "back_samples": int(sizes[answered]),
        },
        names=(classes[true], classes[answered]),
    )


def _miscalibrated(behaved: Behaviour, classes: Sequence[str]) -> Symptom | None:
    accuracy = behaved.accuracy
    if not accuracy.confidences:
        return None
    error = behaved.calibration_error
    gap = stats.mean_interval(np.asarray(accuracy.confidences) - np.asarray(accuracy.scores))
    severity = _severity(MISCALIBRATED, error)
    certain = max(gap.low, -gap.high)
    if certain >= LEAST_GAP:
        direction = "overconfident" if gap.low > 0 else "underconfident"
    elif len(accuracy.scores) >= SAMPLES_FOR_BINS and error >= dict(MISCALIBRATED)["warning"]:
        direction = "unsteady"
    else:
        return None
    if severity is None:
        return None
    if severity == "problem" and certain < dict(MISCALIBRATED)["problem"] / 2:
        severity = "warning"
    return Symptom(
        code="EO804",
        severity=severity,
        size=error,
        facts={
            "error": error,
            "confidence": fmean(accuracy.confidences),
            "accuracy": accuracy.value,
            "direction": direction,
        },
    )


def _fragile(behaved: Behaviour, classes: Sequence[str]) -> Symptom | None:
    robust = behaved.robustness
    if robust is None:
        return None
    kinds = [
        (_drop(robust.clean, one).low, one.condition.partition("@")[0], one.value)
        for one in robust.conditions
        if one.condition.endswith(f"@{MIDDLE}")
    ]
    kinds.sort(key=lambda one: -one[0])
    if len(kinds) < 2:
        return None
    severity = "problem" if _shattered(behaved, robust) else _severity(FRAGILE, kinds[0][0])
    if severity is None:
        return None
    (_, worst, worst_accuracy), (_, second, second_accuracy) = kinds[:2]
    return Symptom(
        code="EO805",
        severity=severity,
        size=robust.clean.value - robust.value,
        facts={
            "clean": robust.clean.value,
            "worst": worst,
            "worst_accuracy": worst_accuracy,
            "second": second,
            "second_accuracy": second_accuracy,
            "mean": robust.value,
            "conditions": len(robust.conditions),
            "samples": robust.samples,
        },
        names=tuple(kind for low, kind, _ in kinds if low >= dict(FRAGILE)["hint"]) or (worst,),
    )


def _drop(clean: Accuracy, disturbed: Accuracy) -> Interval:
    difference = np.asarray(clean.scores) - np.asarray(disturbed.scores)
    return stats.tango_interval(int((difference > 0).sum()), int((difference < 0).sum()), len(difference))


def _shattered(behaved: Behaviour, robust: Robustness) -> bool:
    """Whether most of what the model knows beyond chance is gone, on average over all conditions, by the bound."""
    (_, most), *_ = Counter(behaved.labels).most_common(1)
    chance = most / len(behaved.labels)
    clean = np.asarray(robust.clean.scores, np.float64)
    lost = clean - np.mean([one.scores for one in robust.conditions], axis=0)
    known = robust.clean.value - chance
    return known > 0 and stats.mean_interval(lost).low > (1 - FRAGILE_RETAINED) * known


def _severity(sizes: Sizes, value: float) -> Severity | None:
    """The first severity whose size is reached."""
    return next((severity for severity, least in sizes if value >= least), None)


CHECKS: tuple[Callable[[Behaviour, Sequence[str]], Symptom | None], ...] = (
    _no_skill,
    _weak_class,
    _confused,
    _miscalibrated,
    _fragile,
)
