"""Two splits → whether their samples come from one distribution: a test of each property, and a classifier on all.

The properties are compared by the two-sample test of Kolmogorov and Smirnov, Holm-adjusted. The classifier two-sample
test (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests") asks a classifier to tell the splits apart and
looks at its answers to samples that it was not fitted on: where there is no shift, it cannot. Both take equally many
samples of each class from either split, so that another mixture of classes is no shift.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_opt import stats
from edge_opt.errors import MissingPackage
from edge_opt.stages.observe.looks import Looks
from edge_opt.stages.observe.measures import THUMBNAIL
from edge_opt.types import FeatureShift, Shift

MOST = 1_500  # samples of each split
LEAST = 20
_FOLDS, _TREES = 4, 80
_COARSE = 8  # side of the thumbnails that the classifier sees
_MOST_MARKS = 64
_ENDS = ("darkest", "brightest", "burnt")  # the brightness and the contrast tell the same

Indices = NDArray[np.int64]


def between(first: Looks, second: Looks, names: tuple[str, str], seed: int, *, pictures: bool) -> Shift | None:
    """How far the samples of ``second`` are from those of ``first``; None where there are too few to tell.

    Raises MissingPackage where scikit-learn is not installed.
    """
    pair = matched(first, second, seed)
    if pair is None:
        return None
    one, two = pair
    rows = np.concatenate([columns(one, pictures), columns(two, pictures)])
    belongs = np.repeat([0, 1], [len(one), len(two)])
    auc, p_value = told_apart(rows, belongs, seed)
    return Shift(
        first=names[0],
        second=names[1],
        samples=len(one) + len(two),
        auc=auc,
        p_value=p_value,
        features=by_property({name: (one.features[name], two.features[name]) for name in _told(one, two)}),
    )


def _told(one: Looks, two: Looks) -> list[str]:
    """The properties that have a name for people, and that differ between samples at all."""
    values = {name: np.concatenate([one.features[name], two.features[name]]) for name in one.features}
    return [name for name, each in values.items() if name not in _ENDS and each.min() < each.max()]


def matched(first: Looks, second: Looks, seed: int) -> tuple[Looks, Looks] | None:
    """Equally many samples of each class from both, none of them twice; None where they are fewer than 20."""
    rng = np.random.default_rng(seed)
    once = [_distinct(each, rng) for each in (first, second)]
    labels = [each.samples.labels[places] for each, places in zip((first, second), once, strict=True)]
    classes = np.intersect1d(labels[0], labels[1])
    counts = np.asarray([min(int((each == name).sum()) for each in labels) for name in classes], np.int64)
    total = int(counts.sum())
    if min(total, MOST) < LEAST:
        return None
    # rounded all along and not class by class, which would leave nothing of many small classes
    kept = np.diff(np.floor(np.cumsum(counts) * min(1.0, MOST / total)).astype(np.int64), prepend=0)
    drawn = [
        np.concatenate([places[own == name][:count] for name, count in zip(classes, kept, strict=True)])
        for places, own in zip(once, labels, strict=True)
    ]
    if len(drawn[0]) < LEAST:
        return None
    return first.take(drawn[0]), second.take(drawn[1])


def _distinct(looks: Looks, rng: np.random.Generator) -> Indices:
    """The samples in random order, each picture once: a copy in both folds would be recognised."""
    hashes = looks.samples.hashes()
    order = rng.permutation(len(looks))
    return np.asarray(list({hashes[i]: int(i) for i in order}.values()), np.int64)


def columns(looks: Looks, pictures: bool) -> NDArray[np.float64]:
    """What the classifier sees: the properties, and a coarse thumbnail or the values of an array."""
    marks = looks.marks
    if pictures:
        part = THUMBNAIL // _COARSE
        marks = marks.reshape(len(looks), _COARSE, part, _COARSE, part).mean(axis=(2, 4)).reshape(len(looks), -1)
    return np.column_stack([*looks.features.values(), marks[:, :_MOST_MARKS]]).astype(np.float64)


def told_apart(rows: NDArray[np.float64], belongs: NDArray[np.int64], seed: int) -> tuple[float, float]:
    """The area under the curve of a classifier that tells ``rows`` of 0 and 1 apart, and the p-value that it cannot.

    Both are of cross-validated scores; the p-value is that of the one-sided test of Mann and Whitney.
    """
    try:
        from scipy.stats import mannwhitneyu
        from sklearn.ensemble import ExtraTreesClassifier
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
    except ImportError as fault:
        raise _missing() from fault
    classifier = ExtraTreesClassifier(_TREES, min_samples_leaf=3, random_state=seed, n_jobs=1)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_predict(classifier, rows, belongs, cv=folds, method="predict_proba")[:, 1]
    ones, zeros = scores[belongs == 1], scores[belongs == 0]
    test = mannwhitneyu(ones, zeros, alternative="greater")
    return float(test.statistic) / (len(ones) * len(zeros)), float(test.pvalue)


def by_property(values: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]) -> tuple[FeatureShift, ...]:
    """The test of each property, whose values in both splits are given, the farthest apart first."""
    try:
        from scipy.stats import ks_2samp
    except ImportError as fault:
        raise _missing() from fault
    tests = {name: ks_2samp(one, two, method="auto") for name, (one, two) in values.items()}
    adjusted = stats.holm([float(test.pvalue) for test in tests.values()])
    found = [
        FeatureShift(
            name=name,
            statistic=float(tests[name].statistic),
            p_value=p_value,
            first=float(one.mean()),
            second=float(two.mean()),
        )
        for (name, (one, two)), p_value in zip(values.items(), adjusted, strict=True)
    ]
    return tuple(sorted(found, key=lambda each: (-each.statistic, each.name)))


def _missing() -> MissingPackage:
    return MissingPackage.of("scikit-learn", "diagnose", "looking for a shift between the splits")
