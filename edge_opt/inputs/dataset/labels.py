"""Labels as people store them (numbers, text, one-hot, a column) → indices into the class names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError
from edge_opt.inputs.dataset.names import Split
from edge_opt.inputs.dataset.samples import Labels

Named = Mapping[Split, tuple[str, NDArray[Any]]]
MOST_CLASSES = 100_000  # a label beyond is a mistake, and would make a list of names that long


def indices(path: Path, arrays: Named, declared: Sequence[str]) -> tuple[tuple[str, ...], dict[Split, Labels]]:
    """The class names, and for every split the labels ``(n,)`` as indices into them.

    Without ``declared`` names, text labels are classes in the order of text, and numbers are called "0", "1", ….
    Raises DataError where labels are not whole numbers from 0, name an unknown class, or are all the same.
    """
    flat = {split: (name, _flat(path, name, array)) for split, (name, array) in arrays.items()}
    textual = {array.dtype.kind in "US" for _, array in flat.values() if len(array)}
    if len(textual) > 1:
        raise DataError(f"'{path}' has labels that are text in one split and numbers in another", "store them alike")
    if textual == {True}:
        classes, found = _from_text(path, flat, declared)
    else:
        classes, found = _from_numbers(path, flat, declared)
    present = np.unique(np.concatenate(list(found.values())))
    if len(present) < 2:
        name = classes[int(present[0])] if len(present) else ""
        raise DataError(
            f"'{path}' holds one class only: '{name}'" if name else f"'{path}' holds no samples",
            "a classifier needs samples of at least two classes",
        )
    return classes, found


def words(array: NDArray[Any]) -> list[str]:
    """The entries of ``(n,)`` as text; bytes are UTF-8."""
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in array.tolist()]


def _flat(path: Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim == 2 and array.dtype.kind in "buif":
        ones = (array == 1).sum(axis=1) == 1
        if not np.all(ones & ((array != 0).sum(axis=1) == 1)):
            row = int(np.argmin(ones & ((array != 0).sum(axis=1) == 1)))
            raise DataError(
                f"'{path}': '{name}' is not one-hot in row {row}",
                "every row needs a single 1; several labels a sample are not supported",
            )
        return np.asarray(np.argmax(array, axis=1))
    if array.ndim != 1:
        raise DataError(
            f"'{path}': '{name}' has the shape {array.shape}, which is not one label a sample",
            "store (n,) or one-hot (n, classes)",
        )
    return array


def _from_text(path: Path, flat: Named, declared: Sequence[str]) -> tuple[tuple[str, ...], dict[Split, Labels]]:
    written = {split: words(array) for split, (_, array) in flat.items()}
    classes = tuple(declared) or tuple(sorted({word for each in written.values() for word in each}))
    index = {name: i for i, name in enumerate(classes)}
    for split, each in written.items():
        unknown = sorted(set(each) - set(index))
        if unknown:
            raise DataError(
                f"'{path}': '{flat[split][0]}' has the label '{unknown[0]}', which is not among the class names",
                f"the names are: {', '.join(classes[:20])}",
            )
    return classes, {split: np.asarray([index[word] for word in each], np.int64) for split, each in written.items()}


def _from_numbers(path: Path, flat: Named, declared: Sequence[str]) -> tuple[tuple[str, ...], dict[Split, Labels]]:
    found: dict[Split, Labels] = {}
    for split, (name, array) in flat.items():
        if array.dtype.kind not in "buif":
            raise DataError(
                f"'{path}': '{name}' is of type '{array.dtype}', which is no label", "store whole numbers or text"
            )
        wrong = ~((array >= 0) & (array < MOST_CLASSES) & (array == np.floor(array)))
        if wrong.any():
            i = int(np.argmax(wrong))
            raise DataError(f"'{path}': '{name}' has the label '{array[i]}' at {i}", "labels are whole numbers from 0")
        found[split] = array.astype(np.int64)
    largest = max((int(array.max()) for array in found.values() if len(array)), default=-1)
    if declared and largest >= len(declared):
        raise DataError(
            f"'{path}' has the label {largest}, but names {len(declared)} classes only",
            "labels count from 0, in the order of the class names",
        )
    return tuple(declared) or tuple(str(number) for number in range(largest + 1)), found
