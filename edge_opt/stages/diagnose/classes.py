"""Symptoms of how many samples each class has: in one split, and beside another one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from edge_opt.stages.diagnose import chance
from edge_opt.types import DataEvidence, SplitSummary, Symptom

_SURELY = 0.001
_OTHER_SHARES, _SOMEWHAT_OTHER = 0.10, 0.05  # total variation distance: the share of samples in the wrong class
_UNEVEN, _SOMEWHAT_UNEVEN = 10.0, 3.0  # the largest class over the smallest
_EVEN = 1.5
_NEGLECTED = 5  # times fewer samples than the largest class has
_FEW, _RATHER_FEW = 20, 50  # samples of a class to learn from


def not_stratified(seen: DataEvidence) -> Iterator[Symptom]:
    """Two splits have other shares of the classes: the pair that differs most."""
    pairs = [
        (distance(one, two), one, two)
        for one, two in combinations(_counted(seen), 2)
        if chance.same_shares(one.per_class, two.per_class) < _SURELY
    ]
    far = max(pairs, key=_matter, default=None)
    if far is None or far[0] < _SOMEWHAT_OTHER:
        return
    away, first, second = far
    # a test split that was balanced on purpose, beside training data that are not: that is the imbalance
    balanced = ratio(second) < _EVEN and ratio(first) >= _SOMEWHAT_UNEVEN
    moved = sorted(range(len(seen.classes)), key=lambda i: -abs(_share(first, i) - _share(second, i)))
    yield Symptom(
        code="EO606",
        severity="problem" if away >= _OTHER_SHARES and not balanced else "warning",
        size=away,
        facts={
            "first": first.name,
            "second": second.name,
            "distance": away,
            "class": seen.classes[moved[0]],
            "before": _share(first, moved[0]),
            "after": _share(second, moved[0]),
        },
        names=tuple(seen.classes[i] for i in moved[:4]),
    )


def imbalanced(seen: DataEvidence) -> Iterator[Symptom]:
    """Some classes have many times fewer samples than others to learn from."""
    train = _train(seen)
    if train is None or ratio(train) < _SOMEWHAT_UNEVEN:
        return
    order = sorted(range(len(seen.classes)), key=lambda i: train.per_class[i])
    least, most = order[0], order[-1]
    small = [i for i in order if train.per_class[i] * _SOMEWHAT_UNEVEN <= train.per_class[most]]
    neglected = [i for i in small if train.per_class[i] * _NEGLECTED <= train.per_class[most]]
    yield Symptom(
        code="EO607",
        severity="problem" if ratio(train) >= _UNEVEN else "warning",
        size=len(neglected) / len(order) or 1 / (2 * len(order)),
        facts={
            "ratio": ratio(train),
            "largest": seen.classes[most],
            "most": train.per_class[most],
            "smallest": seen.classes[least],
            "fewest": train.per_class[least],
            "split": train.name,
        },
        names=tuple(seen.classes[i] for i in small),
    )


def few_samples(seen: DataEvidence) -> Iterator[Symptom]:
    """Some classes have too few samples to learn from."""
    train = _train(seen)
    if train is None:
        return
    order = sorted(range(len(seen.classes)), key=lambda i: train.per_class[i])
    few = [i for i in order if train.per_class[i] < _RATHER_FEW]
    if not few:
        return
    yield Symptom(
        code="EO610",
        severity="problem" if train.per_class[few[0]] < _FEW else "warning",
        size=len(few) / len(order),
        facts={
            "count": len(few),
            "classes": len(order),
            "least": _RATHER_FEW,
            "smallest": seen.classes[few[0]],
            "fewest": train.per_class[few[0]],
        },
        names=tuple(seen.classes[i] for i in few),
    )


def ratio(split: SplitSummary) -> float:
    """How many times larger the largest class is than the smallest."""
    return max(split.per_class) / max(1, min(split.per_class))


def distance(first: SplitSummary, second: SplitSummary) -> float:
    """The total variation distance of the shares of the classes, 0..1: what would have to move to another class."""
    return sum(abs(_share(first, i) - _share(second, i)) for i in range(len(first.per_class))) / 2


def _matter(pair: tuple[float, SplitSummary, SplitSummary]) -> tuple[bool, float, bool]:
    """How much it matters that two splits differ: what the model learned from is what the others should be like."""
    away, first, second = pair
    return first.name == "train" and away >= _OTHER_SHARES, away, second.name == "test"


def _share(split: SplitSummary, i: int) -> float:
    return split.per_class[i] / split.samples


def _counted(seen: DataEvidence) -> list[SplitSummary]:
    return [split for split in seen.splits if seen.labelled and split.samples and len(split.per_class) > 1]


def _train(seen: DataEvidence) -> SplitSummary | None:
    """What was learned from; without it nothing is known of what the model had."""
    return next((split for split in _counted(seen) if split.name == "train"), None)
