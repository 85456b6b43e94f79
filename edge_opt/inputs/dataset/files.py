"""Rows of (split, file, class) → a data set of files: each is read once, hashed, decoded and, if broken, left out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_opt.errors import DataError
from edge_opt.inputs.dataset import pictures
from edge_opt.inputs.dataset.names import Split, absent_finding, counted, declared_classes, few, order_finding
from edge_opt.inputs.dataset.samples import Dataset, FileSamples, short_name
from edge_opt.types import Finding, Unreadable

Progress = Callable[[int, int], None]


_AT_ONCE = 256  # files that wait for a thread to look at them
_EXAMPLES = 5  # names of unreadable files that are kept, of each kind


@dataclass(frozen=True, slots=True)
class Row:
    """One file with its label as it was written; all labels are "" where there are none.

    ``path`` is text: there is one for every picture, and a Path takes ten times the memory.
    """

    split: Split
    path: str
    label: str


def dataset(
    path: Path,
    root: Path,
    rows: Sequence[Row],
    findings: Iterable[Finding],
    progress: Progress | None = None,
    missing: Sequence[str] = (),
) -> Dataset:
    """The data set of ``rows``; ``progress(done, total)`` is called while they are looked at.

    ``missing`` are files that were listed beside them and do not exist. A class that is only declared, as a model may
    know more than the data show, is a finding. Raises DataError where only one class is left, or none of a class's
    pictures can be decoded.
    """
    labelled = any(row.label for row in rows)
    classes = _classes(path, rows) if labelled else declared_classes(path)
    inspected = _inspect([row.path for row in rows], progress)
    good = [i for i, each in enumerate(inspected) if not each.fault]
    found = list(findings)
    faults = [(Path(row.path), each.fault) for row, each in zip(rows, inspected, strict=True) if each.fault]
    if faults:
        found.append(_broken(root, faults, len(rows)))
    if labelled:
        _check_classes(path, rows, good)
        absent = absent_finding(classes, {rows[i].label for i in good}) if declared_classes(path) else None
        found += [each for each in (absent, order_finding(classes)) if each]
    elif not good:
        raise DataError(f"none of the {counted(len(rows), 'file')} of '{path}' can be decoded", "replace the files")
    index = {name: i for i, name in enumerate(classes)} if labelled else {"": 0}
    parts: dict[str, FileSamples] = {}
    for split in ("train", "validation", "test"):
        chosen = [i for i in good if rows[i].split == split]
        if chosen:
            parts[split] = FileSamples(
                root,
                tuple(rows[i].path for i in chosen),
                np.asarray([index[rows[i].label] for i in chosen], np.int64),
                tuple(inspected[i] for i in chosen),
            )
    return Dataset(
        path=path,
        classes=classes,
        train=parts.get("train"),
        validation=parts.get("validation"),
        test=parts.get("test"),
        findings=tuple(found),
        sha256=_sha256(root, classes, parts),
        labelled=labelled,
        unreadable=Unreadable(
            total=len(rows) + len(missing),
            corrupt=len(faults),
            missing=len(missing),
            examples=(*(short_name(root, path) for path, _ in faults[:_EXAMPLES]), *missing[:_EXAMPLES]),
        ),
    )


def _classes(path: Path, rows: Sequence[Row]) -> tuple[str, ...]:
    present = {row.label for row in rows}
    declared = declared_classes(path)
    if declared:
        unknown = sorted(present - set(declared))
        if unknown:
            raise DataError(
                f"'{path}' has the class '{unknown[0]}', which its list of classes does not name",
                f"the list says: {', '.join(declared)}",
            )
        return declared
    if path.is_file() and all(name.isdecimal() and str(int(name)) == name for name in present):
        # numbers in a table are indices already; folder names are text to every framework
        return tuple(str(number) for number in range(max(map(int, present)) + 1))
    return tuple(sorted(present))


def _inspect(paths: Sequence[str], progress: Progress | None) -> list[pictures.Inspected]:
    pictures.image_module()
    found: list[pictures.Inspected] = []
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for start in range(0, len(paths), _AT_ONCE):
            for each in pool.map(pictures.inspect, map(Path, paths[start : start + _AT_ONCE])):
                found.append(each)
                if progress is not None:
                    progress(len(found), len(paths))
    return found


def _broken(root: Path, faults: Sequence[tuple[Path, str]], total: int) -> Finding:
    path, fault = faults[0]
    named = few([short_name(root, path) for path, _ in faults])
    are = "cannot be decoded and is" if len(faults) == 1 else "cannot be decoded and are"
    return Finding(
        code="EO101",
        level="warning",
        message=f"{len(faults)} of {counted(total, 'picture')} {are} left out: {named} ('{path.name}': {fault})",
        hint="replace the files, or take them out of the data set",
    )


def _check_classes(path: Path, rows: Sequence[Row], good: Sequence[int]) -> None:
    left = {rows[i].label for i in good}
    for split, name in sorted({(row.split, row.label) for row in rows}):
        if name not in left:
            given = sum(row.label == name for row in rows)
            raise DataError(
                f"class '{name}' has no picture in '{path}': of {counted(given, 'file')} none can be decoded",
                f"replace the files of '{name}' (first seen in {split}), or take the class out",
            )
    if len(left) < 2:
        raise DataError(
            f"'{path}' holds one class only: '{next(iter(left), '')}'",
            "a classifier needs at least two; give the folder whose sub-folders are the classes",
        )


def _sha256(root: Path, classes: Sequence[str], parts: dict[str, FileSamples]) -> str:
    digest = hashlib.sha256("\0".join(classes).encode())
    lines = []
    for split, samples in parts.items():
        for path, label, each in zip(samples.paths, samples.labels, samples.inspected, strict=True):
            lines.append(f"{split}\0{short_name(root, Path(path))}\0{label}\0{each.sha256.hex()}\n")
    for line in sorted(lines):
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()
