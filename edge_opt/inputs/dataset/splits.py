"""A data set → what calibrates, what selects and what certifies: stratified, seeded, and apart from one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError
from edge_opt.inputs.dataset.names import counted, few
from edge_opt.inputs.dataset.samples import Dataset, Labels, Samples
from edge_opt.types import Finding

MOST_CALIBRATION = 500
MOST_SELECTION = 2000
FEW_CALIBRATION = 100

Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Splits:
    """Three disjoint sets of samples: calibration in random order, the others in the order of the data set."""

    calibration: Samples
    selection: Samples
    certification: Samples
    findings: tuple[Finding, ...]


def split(dataset: Dataset, seed: int) -> Splits:
    """The samples that calibrate (at most 500), select (at most 2,000) and certify (all the rest of their split).

    With validation and test, validation is calibrated and selected on, and the whole test split certifies. Else a third
    of the test split (without one, of validation, else of everything) selects and the rest certifies; calibration comes
    from the training split where that is another. A picture that also stands in the certification or the training
    split is left out of calibration and selection; certification is never thinned out, so that its accuracy stays
    comparable. Raises DataError where a part would be empty.
    """
    rng = np.random.default_rng(seed)
    findings = list(_duplicates(dataset))
    if dataset.validation is not None and dataset.test is not None:
        held, certification = dataset.validation, dataset.test
        chosen = stratified(held.labels, min(MOST_CALIBRATION, len(held) // 4), rng)
        calibration, rest = held.take(chosen), held.take(_others(held, chosen))
        selection = rest.take(stratified(rest.labels, min(MOST_SELECTION, len(rest)), rng))
    else:
        judged = next(reversed(dataset.splits.values()), None)
        if judged is None:
            raise DataError(f"'{dataset.path}' holds no samples", f"give {dataset.noun}s")
        findings.append(_roles(dataset))
        if dataset.train is not None and judged is not dataset.train:
            source = dataset.train
            calibration = source.take(stratified(source.labels, min(MOST_CALIBRATION, len(source)), rng))
        else:
            chosen = stratified(judged.labels, min(MOST_CALIBRATION, len(judged) // 8), rng)
            calibration, judged = judged.take(chosen), judged.take(_others(judged, chosen))
        chosen = stratified(judged.labels, min(MOST_SELECTION, len(judged) // 3), rng)
        selection, certification = judged.take(chosen), judged.take(_others(judged, chosen))
    trained = dataset.train if dataset.train is not None and len(dataset.splits) > 1 else None
    selection = _without(selection, [certification, *([trained] if trained is not None else [])], dataset)
    calibration = _without(calibration, [certification, selection], dataset)
    calibration = calibration.take(rng.permutation(len(calibration)))
    findings += _thin(dataset, calibration, selection, certification)
    return Splits(calibration=calibration, selection=selection, certification=certification, findings=tuple(findings))


def stratified(labels: Labels, count: int, rng: np.random.Generator) -> Indices:
    """The indices, in order, of ``count`` samples drawn so that every class keeps its share (by largest remainder)."""
    classes, sizes = np.unique(labels, return_counts=True)
    shares = count * sizes / max(1, len(labels))
    quotas = np.floor(shares).astype(np.int64)
    for i in np.argsort(quotas - shares, kind="stable")[: count - int(quotas.sum())]:
        quotas[i] += 1
    drawn = [
        rng.permutation(np.flatnonzero(labels == name))[:quota] for name, quota in zip(classes, quotas, strict=True)
    ]
    return np.sort(np.concatenate([np.empty(0, np.int64), *drawn]))


def _others(samples: Samples, chosen: Indices) -> Indices:
    return np.setdiff1d(np.arange(len(samples)), chosen)


def copies(samples: Samples, other: Samples) -> list[tuple[int, int]]:
    """For every sample that is also in ``other``: its index, and an index there."""
    places: dict[bytes, list[int]] = {}
    for j, each in enumerate(other.hashes()):
        places.setdefault(each, []).append(j)
    found = []
    for i, each in enumerate(samples.hashes()):
        same = next((j for j in places.get(each, ()) if samples.alike(i, other, j)), None)
        if same is not None:
            found.append((i, same))
    return found


def _without(samples: Samples, others: list[Samples], dataset: Dataset) -> Samples:
    known = {i for other in others for i, _ in copies(samples, other)}
    if known and 2 * len(known) > len(samples):
        raise DataError(
            f"'{dataset.path}': {len(known)} of {len(samples)} {dataset.noun}s to hold out are in another split too",
            "keep the splits apart; without a validation split, a part of the test split takes its place",
        )
    return samples.take([i for i in range(len(samples)) if i not in known]) if known else samples


def _duplicates(dataset: Dataset) -> list[Finding]:
    found = []
    parts = list(dataset.splits.items())
    for place, (later, samples) in enumerate(parts):
        for earlier, other in parts[:place]:
            same = copies(samples, other)
            if not same:
                continue
            example = f"'{samples.name(same[0][0])}' is '{other.name(same[0][1])}'"
            used = (
                "they are left out of selection and calibration"
                if later != "test"
                else f"{_gain(dataset)} is flattered"
            )
            be = "is" if len(same) == 1 else "are"
            message = f"{counted(len(same), dataset.noun)} of {later} {be} also in {earlier}, as {example}"
            hint = f"take them out of one of the splits; until then {used}"
            found.append(Finding(code="EO103", level="warning", message=message, hint=hint))
    return found


def _roles(dataset: Dataset) -> Finding:
    if dataset.test is not None:
        source = "training calibrates" if dataset.train is not None else "an eighth calibrates"
        return Finding(
            code="EO104",
            level="info",
            message=f"there is no validation split: a third of the test split selects, the rest certifies, {source}",
            hint="a validation split, held out of training, leaves the whole test split to certify",
        )
    where = "the validation split" if dataset.validation is not None else "a data set without splits"
    return Finding(
        code="EO109",
        level="warning",
        message=f"there is no test split: {where} certifies, and the model may have been trained or tuned on it",
        hint=f"give a test split that the model has never seen; until then {_gain(dataset)} may be flattered",
    )


def _gain(dataset: Dataset) -> str:
    """What is measured on the samples."""
    return "its accuracy" if dataset.labelled else "the agreement"


def _thin(dataset: Dataset, calibration: Samples, selection: Samples, certification: Samples) -> list[Finding]:
    parts = {"calibration": calibration, "selection": selection, "certification": certification}
    for role, samples in parts.items():
        if not len(samples):
            total = sum(len(part) for part in dataset.splits.values())
            raise DataError(
                f"'{dataset.path}' has too few {dataset.noun}s: nothing of its {total} is left for {role}",
                "give at least a few dozen" + (" of every class" if dataset.labelled else ""),
            )
    found = []
    calibrating = counted(len(calibration), dataset.noun)
    if len(calibration) < FEW_CALIBRATION:
        found.append(
            Finding(
                code="EO111",
                level="warning",
                message=f"only {calibrating} calibrate: static int8 may clip what will come",
                hint=f"{FEW_CALIBRATION} to {MOST_CALIBRATION} are usual; add {dataset.noun}s held out of training",
            )
        )
    classes = set(range(len(dataset.classes))) if dataset.labelled else set()
    if any(finding.code == "EO110" for finding in dataset.findings):  # what is nowhere has been said already
        classes = {label for samples in dataset.splits.values() for label in samples.labels.tolist()}
    for role in ("selection", "certification"):
        absent = sorted(classes - set(parts[role].labels.tolist()))
        if absent:
            found.append(
                Finding(
                    code="EO110",
                    level="warning",
                    message=f"the {role} split has no {dataset.noun} of {few([dataset.classes[i] for i in absent])}, "
                    f"{len(absent)} of {len(dataset.classes)} classes",
                    hint=f"nothing can be said about them there; add {dataset.noun}s",
                )
            )
    return found
