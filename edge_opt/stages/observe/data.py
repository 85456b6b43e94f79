"""A data set → what is to be seen in it: its splits, their overlap and shift, its labels, its values, its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from edge_opt.inputs.dataset import Dataset, Samples
from edge_opt.stages.observe import doubts, looks, overlap, pictures, shift
from edge_opt.stages.observe.answers import Answers
from edge_opt.stages.observe.looks import Looks
from edge_opt.types import (
    Contract,
    ContractTried,
    DataEvidence,
    InputRange,
    Preprocessing,
    SplitSummary,
    Unreadable,
)

Tell = Callable[[str, int, int], None]

EXTREME = 10.0  # times farther from what is usual than nine samples of ten are


def of_data(
    dataset: Dataset,
    contract: Contract,
    answers: Mapping[str, Answers],
    tried: Sequence[ContractTried],
    normalised_inside: bool,
    *,
    seed: int,
    tell: Tell,
) -> DataEvidence:
    """What is to be seen in ``dataset`` before a model, and in its labels by the ``answers`` of one, split by split.

    Large splits are looked at in part, each class with its share. ``tell(what, done, total)`` is called on the way.
    Raises MissingPackage where scikit-learn is not installed and there are two splits to compare.
    """
    chosen = {name: looks.chosen(samples, contract, seed) for name, samples in dataset.splits.items()}
    seen = _looks(chosen, contract, tell)
    is_pictures = dataset.kind == "picture"
    pairs = list(_pairs(seen))
    overlaps, shifts = [], []
    for done, (earlier, later) in enumerate(pairs):
        tell("comparing the splits", done, len(pairs))
        whole, names = dataset.splits[earlier], (later, earlier)
        overlaps.append(overlap.between(seen[later], seen[earlier], whole, names, seed, pictures=is_pictures))
        if earlier == pairs[0][0]:  # what was learned from is what the others should be like
            shifts.append(shift.between(seen[earlier], seen[later], (earlier, later), seed, pictures=is_pictures))
    tell("comparing the splits", len(pairs), len(pairs))
    return DataEvidence(
        kind=dataset.kind,
        labelled=dataset.labelled,
        classes=dataset.classes,
        splits=tuple(_summary(name, samples, dataset) for name, samples in dataset.splits.items()),
        unreadable=_unreadable(dataset, chosen, seen),
        inputs=input_range(tuple(seen.values()), normalised_inside or _takes_pixels(contract)),
        contracts=tuple(tried),
        overlaps=tuple(overlaps),
        shifts=tuple(each for each in shifts if each is not None),
        label_doubts=tuple(
            doubts.of_labels(name, each) for name, each in answers.items() if dataset.labelled and len(each.samples)
        ),
        faults=pictures.of_pictures(tuple(seen.values()), dataset.labelled) if is_pictures and seen else None,
    )


def _looks(chosen: Mapping[str, Samples], contract: Contract, tell: Tell) -> dict[str, Looks]:
    total = sum(len(samples) for samples in chosen.values())
    reference = looks.usual(next(iter(chosen.values())), contract)
    seen: dict[str, Looks] = {}
    before = 0
    for name, samples in chosen.items():
        each = looks.look(samples, contract, reference, _from(before, total, tell))
        before += len(samples)
        if each is not None:
            seen[name] = each
    return seen


def _from(before: int, total: int, tell: Tell) -> looks.Tell:
    return lambda done, _: tell("looking at the samples", before + done, total)


def _pairs(seen: Mapping[str, Looks]) -> Iterator[tuple[str, str]]:
    """Each split with every later one: of training, validation and test, what came before may have been learned."""
    yield from combinations(seen, 2)


def _summary(name: str, samples: Samples, dataset: Dataset) -> SplitSummary:
    counts = np.bincount(samples.labels, minlength=len(dataset.classes)) if dataset.labelled else ()
    return SplitSummary(name=name, samples=len(samples), per_class=tuple(int(count) for count in counts))


def _unreadable(dataset: Dataset, chosen: Mapping[str, Samples], seen: Mapping[str, Looks]) -> Unreadable:
    """The files that could not be read with the data set, and those that no longer can."""
    known = dataset.unreadable
    late: list[str] = []
    for name, samples in chosen.items():
        read = len(seen[name]) if name in seen else 0
        if read < len(samples):
            there = {seen[name].samples.name(i) for i in range(read)}
            late += [each for each in map(samples.name, range(len(samples))) if each not in there]
    return Unreadable(
        total=known.total or sum(len(samples) for samples in dataset.splits.values()),
        corrupt=known.corrupt + len(late),
        missing=known.missing,
        examples=(*known.examples, *late[:5]),
    )


def input_range(seen: Sequence[Looks], normalised_inside: bool) -> InputRange:
    """The range of the values that the model gets, and the samples that hold extreme ones."""
    lows, highs, means, squares, peaks = (
        np.concatenate([getattr(each, name) for each in seen]).astype(np.float64)
        for name in ("lows", "highs", "means", "squares", "peaks")
    )
    mean = float(means.mean())
    extreme = peaks > EXTREME * max(1.0, float(np.quantile(peaks, 0.9, method="lower")))
    names = [each.samples.name(i) for each in seen for i in range(len(each))] if extreme.any() else []
    worst = np.argsort(-peaks, kind="stable")[: min(5, int(extreme.sum()))]
    return InputRange(
        low=float(lows.min()),
        high=float(highs.max()),
        mean=mean,
        deviation=float(np.sqrt(max(0.0, squares.mean() - mean**2))),
        normalised_inside=normalised_inside,
        extreme=int(extreme.sum()),
        samples=len(peaks),
        examples=tuple(names[i] for i in worst),
    )


def _takes_pixels(contract: Contract) -> bool:
    """Whether the model takes whole pixels, which it can only scale itself."""
    return isinstance(contract, Preprocessing) and contract.dtype == "uint8"
