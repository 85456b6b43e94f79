"""An ``.npz`` file of pictures and labels, loaded whole."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError
from edge_opt.inputs.dataset import labels, pixels
from edge_opt.inputs.dataset.names import SPLITS, Split, declared_classes, order_finding
from edge_opt.inputs.dataset.samples import ArraySamples, Dataset
from edge_opt.types import Finding

_PICTURES = {"x", "image", "images", "picture", "pictures", "data", "features", "inputs"}
_LABELS = {"y", "label", "labels", "target", "targets", "class"}
_CLASSES = {"classes", "class_names", "label_names", "labels_names"}
_EXPECTED = (
    "store x_train, y_train, x_val, y_val, x_test, y_test, or x and y alone; pictures are (n, h, w) or (n, h, w, c)"
)


@dataclass(frozen=True)
class _Pair:
    """The two arrays of one split, under the names that the file has for them."""

    x_name: str
    y_name: str


def read(path: Path) -> Dataset:
    """The data set in the ``.npz`` file ``path``.

    Raises DataError where arrays are missing, hold Python objects, or do not fit each other.
    """
    arrays = _load(path)
    pairs = _pairs(path, arrays)
    findings: list[Finding] = []
    given = {split: (pair.x_name, arrays[pair.x_name]) for split, pair in pairs.items()}
    pictures = pixels.normalised(path, given, findings)
    declared = _classes(arrays) or declared_classes(path)
    classes, indices = labels.indices(
        path, {split: (pair.y_name, arrays[pair.y_name]) for split, pair in pairs.items()}, declared
    )
    parts: dict[Split, ArraySamples] = {}
    for split, pair in pairs.items():
        if len(pictures[split]) != len(indices[split]):
            raise DataError(
                f"'{path}': '{pair.x_name}' has {len(pictures[split])} pictures, "
                f"but '{pair.y_name}' has {len(indices[split])} labels",
                "every picture needs its label, in the same order",
            )
        numbers = np.arange(len(indices[split]), dtype=np.int64)
        parts[split] = ArraySamples(pictures[split], indices[split], pair.x_name, numbers)
    order = None if declared else order_finding(classes)
    return Dataset(
        path=path,
        classes=classes,
        train=parts.get("train"),
        validation=parts.get("validation"),
        test=parts.get("test"),
        findings=(*findings, *([order] if order else [])),
        sha256=_sha256(classes, parts),
    )


def _load(path: Path) -> dict[str, NDArray[Any]]:
    if not zipfile.is_zipfile(path):
        raise DataError(f"'{path}' is not an .npz file, whatever its name", "write it with numpy.savez_compressed")
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: _member(path, content, name) for name in content.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as fault:
        raise DataError(f"'{path}' cannot be read as .npz: {fault}", "write it with numpy.savez_compressed") from fault


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
    pairs: dict[Split, _Pair] = {}
    for split in ("train", "validation", "test"):
        if split not in splits:
            continue
        x_name, y_name = found.get((split, "x")), found.get((split, "y"))
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
