"""An ``.npz`` file of pictures or other samples, with or without labels, loaded whole."""

from __future__ import annotations

import hashlib
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt import units
from edge_opt.errors import DataError
from edge_opt.inputs.dataset import kinds, labels, pixels
from edge_opt.inputs.dataset.names import SPLITS, Split, declared_classes, order_finding
from edge_opt.inputs.dataset.samples import ArraySamples, Dataset, Labels
from edge_opt.limits import most_memory_bytes
from edge_opt.types import Finding

_PICTURES = {"x", "image", "images", "picture", "pictures", "data", "features", "inputs"}
_LABELS = {"y", "label", "labels", "target", "targets", "class"}
_CLASSES = {"classes", "class_names", "label_names", "labels_names"}
_EXPECTED = (
    "store x_train, y_train, x_val, y_val, x_test, y_test, or x and y alone; pictures are (n, h, w) or (n, h, w, c), "
    "other samples (n, …); without any labels, agreement with the float model is measured"
)


@dataclass(frozen=True)
class _Pair:
    """The two arrays of one split, under the names that the file has for them; "" where there are no labels."""

    x_name: str
    y_name: str


def read(path: Path, taken: kinds.Shape | None = None, kind: kinds.Kind | None = None) -> Dataset:
    """The data set in the ``.npz`` file ``path``, for a model that takes samples of the shape ``taken``.

    ``kind`` is what a contract says of the samples; else they are judged by :func:`kinds.kind_of`. Raises DataError
    where arrays are missing, hold Python objects, or do not fit each other.
    """
    arrays = _load(path)
    pairs = _pairs(path, arrays)
    findings: list[Finding] = []
    given = {split: (pair.x_name, arrays[pair.x_name]) for split, pair in pairs.items()}
    kind = kind or kinds.kind_of([array for _, array in given.values()], taken)
    samples = kinds.plain(path, given) if kind == "array" else pixels.normalised(path, given, findings)
    classes, indices, order = _labels(path, arrays, pairs)
    labelled = bool(indices)
    parts: dict[Split, ArraySamples] = {}
    for split, pair in pairs.items():
        count = len(samples[split])
        known = indices.get(split, np.zeros(count, np.int64))
        if count != len(known):
            raise DataError(
                f"'{path}': '{pair.x_name}' has {count} {'pictures' if kind == 'picture' else 'samples'}, "
                f"but '{pair.y_name}' has {len(known)} labels",
                "every one needs its label, in the same order",
            )
        parts[split] = ArraySamples(samples[split], known, pair.x_name, np.arange(count, dtype=np.int64))
    return Dataset(
        path=path,
        classes=classes,
        train=parts.get("train"),
        validation=parts.get("validation"),
        test=parts.get("test"),
        findings=(*findings, *([order] if order else [])),
        sha256=_sha256(classes, parts),
        kind=kind,
        labelled=labelled,
    )


def _labels(
    path: Path, arrays: dict[str, NDArray[Any]], pairs: dict[Split, _Pair]
) -> tuple[tuple[str, ...], dict[Split, Labels], Finding | None]:
    """The classes, the labels of every split, and what is to be said about their order; no labels where none are."""
    declared = _classes(arrays) or declared_classes(path)
    if not all(pair.y_name for pair in pairs.values()):
        return tuple(declared), {}, None
    named = {split: (pair.y_name, arrays[pair.y_name]) for split, pair in pairs.items()}
    classes, indices = labels.indices(path, named, declared)
    return classes, indices, None if declared else order_finding(classes)


def _load(path: Path) -> dict[str, NDArray[Any]]:
    if not zipfile.is_zipfile(path):
        raise DataError(f"'{path}' is not an .npz file, whatever its name", "write it with numpy.savez_compressed")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(path, sum(member.file_size for member in archive.infolist()))
        with np.load(path, allow_pickle=False) as content:
            return {name: _member(path, content, name) for name in content.files}
    except DataError:
        raise
    except Exception as fault:  # zipfile, zlib and numpy raise a dozen kinds at what is damaged, a TokenError too
        told = str(fault).partition("\n")[0] or type(fault).__name__
        raise DataError(f"'{path}' cannot be read as .npz: {told}", "write it with numpy.savez_compressed") from fault


def _check_size(path: Path, expanded: int) -> None:
    """Raise DataError where the arrays, as the archive declares them, are more than a process may take here."""
    if expanded > (most := most_memory_bytes()):
        raise DataError(
            f"'{path}' would take {units.format_bytes(expanded)} of memory, and this machine has "
            f"{units.format_bytes(most)} for it",
            "give a folder of pictures, which are read one by one, or fewer samples",
        )


def _member(path: Path, content: Any, name: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = content[name]
    except ValueError as fault:
        if "allow_pickle" not in str(fault):
            raise
        raise DataError(
            f"'{path}': '{name}' holds pickled Python objects, which can run code and are not loaded",
            "store plain arrays: numbers for pictures and labels, fixed-length text (dtype 'U') for names",
        ) from fault
    if not isinstance(array, np.ndarray):  # numpy gives the bytes of what does not begin as an array does
        raise DataError(f"'{path}': '{name}' is no array of numpy's", "write it with numpy.savez_compressed")
    return array


def _pairs(path: Path, arrays: dict[str, NDArray[Any]]) -> dict[Split, _Pair]:
    found: dict[tuple[Split | None, str], str] = {}
    for name in arrays:
        role = _role(name)
        if role is None:
            continue
        if role in found:
            raise DataError(f"'{path}' has '{found[role]}' and '{name}', which mean the same", "keep one of them")
        found[role] = name
    there = ", ".join(f"'{name}'" for name in arrays) or "nothing"
    splits = {split for split, _ in found if split is not None}
    if not splits:
        splits, found = {"train"}, {("train", kind): name for (_, kind), name in found.items()}
    unlabelled = not any(kind == "y" for _, kind in found)
    pairs: dict[Split, _Pair] = {}
    for split in ("train", "validation", "test"):
        if split not in splits:
            continue
        x_name, y_name = found.get((split, "x")), found.get((split, "y"))
        if x_name is not None and unlabelled:
            pairs[split] = _Pair(x_name, "")
            continue
        if x_name is None or y_name is None:
            lacking = "labels" if x_name else "pictures"
            present = x_name or y_name
            what = f"has no {lacking} to go with '{present}'" if present else "has no pictures and labels"
            raise DataError(f"'{path}' {what}: it holds {there}", _EXPECTED)
        pairs[split] = _Pair(x_name, y_name)
    return pairs


def _role(name: str) -> tuple[Split | None, str] | None:
    lowered = name.strip().lower()
    if lowered in _CLASSES:
        return None
    words = [word for word in re.split(r"[_\-\s]+", lowered) if word]
    if len(words) == 1 and words[0][:1] in ("x", "y") and words[0][1:] in SPLITS:  # xtrain
        words = [words[0][0], words[0][1:]]
    kinds = ["x" if word in _PICTURES else "y" for word in words if word in _PICTURES | _LABELS]
    splits = [SPLITS[word] for word in words if word in SPLITS]
    if len(kinds) != 1 or len(splits) != len(words) - 1 or len(splits) > 1:
        return None
    return (splits[0] if splits else None), kinds[0]


def _classes(arrays: dict[str, NDArray[Any]]) -> tuple[str, ...]:
    for name, array in arrays.items():
        if name.strip().lower() in _CLASSES and array.ndim == 1:
            return tuple(labels.words(array))
    return ()


def _sha256(classes: tuple[str, ...], parts: dict[Split, ArraySamples]) -> str:
    digest = hashlib.sha256("\0".join(classes).encode())
    for split, samples in parts.items():
        digest.update(repr((split, samples.pixels.shape, samples.pixels.dtype.str)).encode())
        digest.update(np.ascontiguousarray(samples.pixels).data)
        digest.update(samples.labels.astype("<i8").tobytes())
    return digest.hexdigest()
