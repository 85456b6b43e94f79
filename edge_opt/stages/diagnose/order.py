"""Symptoms of the order of the classes: a model that is right, and whose answers are called by other names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from edge_opt.types import Behaviour, Symptom

_FEW = 3  # samples of a class, below which nobody can say what it is answered as
_RIGHT = 0.6  # accuracy in another order, above which the model plainly knows the classes
_GAIN = 0.15  # of accuracy, by another order


def symptoms(behaved: Behaviour, classes: Sequence[str]) -> Iterator[Symptom]:
    """The order of the classes, where another one would make most of the answers right.

    Each class is mostly answered as one of its own, and not as itself: labels in the order of text, as folders give
    them, while the model was trained with another.
    """
    labels, answers = np.asarray(behaved.labels), np.asarray(behaved.accuracy.predictions)
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (labels, answers), 1)
    seen = np.flatnonzero(counts.sum(axis=1) >= _FEW)
    if len(seen) < 2:
        return
    places = counts[seen].argmax(axis=1)
    moved = seen[places != seen]
    if not len(moved) or len(set(places.tolist())) < len(seen):
        return
    total = int(counts[seen].sum())
    accuracy = float(np.trace(counts[np.ix_(seen, seen)])) / total
    reordered = float(counts[seen, places].sum()) / total
    if reordered < _RIGHT or reordered - accuracy < _GAIN:
        return
    first = int(moved[np.argmax(counts[moved].max(axis=1) / counts[moved].sum(axis=1))])
    yield Symptom(
        code="EO615",
        severity="problem",
        size=1.0,  # every number that rests on labels is wrong
        facts={
            "accuracy": accuracy,
            "reordered": reordered,
            "moved": len(moved),
            "classes": len(seen),
            "true": classes[first],
            "answered": classes[int(counts[first].argmax())],
        },
        names=tuple(classes[int(i)] for i in moved),
    )
