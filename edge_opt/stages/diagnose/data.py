"""Symptoms of the data. A *problem* needs evidence beyond chance, and a size that matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edge_opt import stats
from edge_opt.stages.diagnose import chance, classes, faults
from edge_opt.types import ContractTried, DataEvidence, Overlap, Severity, Shift, Symptom

_Check = Callable[[DataEvidence], Iterator[Symptom]]

_SURELY = 0.001  # the p-value of what is no chance
_GAIN, _SMALL_GAIN = 0.02, 0.005  # of accuracy, by another contract
_HUGE_GAIN = 0.2  # which is one even where the model is right on less than half of the samples
_LARGE = 10.0  # a deviation or a mean: the input of a network is usually about 1
_TINY = 0.01  # a deviation: values that were divided twice
_EXTREME = 0.01  # share of the samples
_UNREADABLE = 0.02  # share of the files
_COPIED = 0.01  # share of a split
_ALIKE = 0.2  # share of a split that is nearly in another, though samples are as alike within one
_WRONG, _DOUBTFUL = 0.025, 0.01  # share of the labels that are wrong at random
_ABLE = 0.5  # accuracy of a model that can judge labels
_APART, _ASIDE = 0.8, 0.6  # area under the curve of a classifier that tells two splits apart
_MOVED = 0.2  # Kolmogorov and Smirnov's statistic of a property


def symptoms(seen: DataEvidence) -> Iterator[Symptom]:
    """Every symptom of the data."""
    for check in CHECKS:
        yield from check(seen)


def other_contract(seen: DataEvidence) -> Iterator[Symptom]:
    """Prepared in another way, the samples are answered better: the contract is not that of the training."""
    given = next((one for one in seen.contracts if one.given), None)
    others = [one for one in seen.contracts if not one.given and given and one.samples == given.samples]
    if given is None or not others or not given.samples:
        return
    best = max(others, key=lambda one: one.right)
    gain = (best.right - given.right) / given.samples
    p_value = min(1.0, len(others) * better_by_chance(given, best))
    if gain < _SMALL_GAIN or p_value > 0.01:
        return
    # a model that works under neither has another problem: one of them is always the better by some samples
    works = best.right >= _ABLE * best.samples or gain >= _HUGE_GAIN
    convincing = gain >= _GAIN and works
    yield Symptom(
        code="EO601",
        severity="problem" if convincing else "warning",
        size=1.0 if convincing else gain,  # every sample is prepared wrongly
        facts={
            "given": given.contract,
            "better": best.contract,
            "accuracy": given.right / given.samples,
            "better_accuracy": best.right / best.samples,
            "gain": gain,
            "samples": given.samples,
            "p": p_value,
        },
    )


def better_by_chance(given: ContractTried, other: ContractTried) -> float:
    """The one-sided p-value of McNemar's test that ``other`` is no better, of the most cautious pairing of the counts.

    Only the counts are known: as many samples as possible are taken to be right under one of the two only.
    """
    gained = min(other.right, given.samples - given.right)
    lost = gained - (other.right - given.right)
    return stats.binomial_tail(gained, gained + lost) if gained > lost else 1.0


def not_normalised(seen: DataEvidence) -> Iterator[Symptom]:
    """The values that the model gets are far from those that networks learn well with, and it does not scale them."""
    values = seen.inputs
    level = max(values.deviation, abs(values.mean))
    tiny = values.deviation < _TINY and values.high > values.low
    if values.normalised_inside or (level <= _LARGE and not tiny):
        return
    # as Caffe's models take them: large, but around zero
    centred = values.low < 0 and abs(values.mean) < values.deviation / 2
    severity: Severity = "warning" if centred and level < 100 else "problem"
    yield Symptom(
        code="EO602",
        severity=severity,
        size=1.0 if severity == "problem" else 0.2,  # every sample
        facts={"low": values.low, "high": values.high, "mean": values.mean, "deviation": values.deviation},
    )


def extreme_values(seen: DataEvidence) -> Iterator[Symptom]:
    """Some samples hold values far away from all others."""
    values = seen.inputs
    if not values.extreme:
        return
    share = values.extreme / values.samples
    yield Symptom(
        code="EO603",
        severity="problem" if share >= _EXTREME and values.extreme >= 5 else "warning",
        size=share,
        facts={
            "count": values.extreme,
            "samples": values.samples,
            "share": share,
            "low": values.low,
            "high": values.high,
            "example": values.examples[0],
        },
        names=values.examples,
    )


def unreadable(seen: DataEvidence) -> Iterator[Symptom]:
    """Files are missing, or cannot be decoded."""
    files = seen.unreadable
    count = files.corrupt + files.missing
    if not count:
        return
    share = count / files.total
    yield Symptom(
        code="EO604",
        severity="problem" if share >= _UNREADABLE else "warning",
        size=share,
        facts={
            "count": count,
            "total": files.total,
            "corrupt": files.corrupt,
            "missing": files.missing,
            "share": share,
        },
        names=files.examples,
    )


def leaked(seen: DataEvidence) -> Iterator[Symptom]:
    """Samples of one split stand in another one too: the worst pair of splits."""
    judged = [one for one in seen.overlaps if one.samples and _leak(one, seen.kind)]
    if not judged:
        return
    worst = max(judged, key=lambda one: (_copied(one, seen.kind), one.near))
    copied = _copied(worst, seen.kind)
    share = copied / worst.samples
    yield Symptom(
        code="EO605",
        severity="problem" if share >= _COPIED else "warning",
        size=max(share, 0.0),
        facts={
            "later": worst.later,
            "earlier": worst.earlier,
            "count": worst.exact + worst.near,
            "samples": worst.samples,
            "exact": worst.exact,
            "near": worst.near,
            "expected": round(worst.expected),
            "share": (worst.exact + worst.near) / worst.samples,
        },
        names=worst.examples,
    )


def _copied(one: Overlap, kind: str) -> float:
    """How many are there twice, beyond chance: the same numbers may come up twice, the same picture may not."""
    if kind == "picture":
        beyond = one.near - one.expected if chance.more_than(one.near, one.expected + 1) < _SURELY else 0.0
        return one.exact + max(0.0, beyond)
    both = one.exact + one.near
    return max(0.0, both - one.expected) if chance.more_than(both, one.expected + 1) < _SURELY else 0.0


def _leak(one: Overlap, kind: str) -> bool:
    """Whether there is something to say; samples that are as alike within a split may be frames, or augmented."""
    alike = kind == "picture" and one.near >= max(10, _ALIKE * one.samples)
    return _copied(one, kind) > 0 or alike


def wrong_labels(seen: DataEvidence) -> Iterator[Symptom]:
    """Labels are likely wrong: the model contradicts them, and in more ways than it usually errs."""
    able = [one for one in seen.label_doubts if one.samples and one.right >= _ABLE * one.samples]
    worst = max(able, key=lambda one: one.scattered / one.samples, default=None)
    if worst is None or worst.scattered < 5 or worst.scattered < _DOUBTFUL * worst.samples:
        return
    share = worst.scattered / worst.samples
    yield Symptom(
        code="EO608",
        severity="problem" if share >= _WRONG and worst.scattered >= 10 else "warning",
        size=share,
        facts={
            "split": worst.split,
            "doubtful": worst.doubtful,
            "count": worst.scattered,
            "samples": worst.samples,
            "share": share,
        },
        names=worst.examples,
    )


def shifted(seen: DataEvidence) -> Iterator[Symptom]:
    """The samples of two splits do not come from one distribution: the pair that is farthest apart."""
    judged = [one for one in seen.shifts if one.auc >= _ASIDE and one.p_value < _SURELY and one.features]
    if not judged:
        return
    worst = max(judged, key=_distance)
    feature = worst.features[0]
    yield Symptom(
        code="EO609",
        severity="problem" if worst.auc >= _APART and _moved(worst) >= _MOVED else "warning",
        size=_distance(worst)[1],
        facts={
            "first": worst.first,
            "second": worst.second,
            "auc": worst.auc,
            "chance": 0.5,
            "p": worst.p_value,
            "samples": worst.samples,
            "feature": feature.name,
            "statistic": feature.statistic,
            "before": feature.first,
            "after": feature.second,
        },
        names=tuple(one.name for one in worst.features if one.p_value < 0.01 and one.statistic >= _MOVED / 2),
    )


def _distance(one: Shift) -> tuple[bool, float, bool]:
    """How far two splits are apart; of equal ones, training and test matter most."""
    return one.auc >= _APART and _moved(one) >= _MOVED, 2 * one.auc - 1, one.second == "test"


def _moved(one: Shift) -> float:
    """How far the property that moved most did surely move."""
    return max((each.statistic for each in one.features if each.p_value < 0.01), default=0.0)


CHECKS: tuple[_Check, ...] = (
    other_contract,
    not_normalised,
    extreme_values,
    unreadable,
    leaked,
    classes.not_stratified,
    classes.imbalanced,
    wrong_labels,
    shifted,
    classes.few_samples,
    faults.dark_or_bright,
    faults.blurred,
    faults.odd_sized,
    faults.flat,
)
