"""Channels as numbers that can turn out to be the same: which of them stay or leave together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


class Atoms:
    """Numbers for channels: some were joined, and some must stay."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._reasons: dict[int, str] = {}

    def fresh(self, count: int) -> Ids:
        """``count`` new ones, joined with none."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return np.arange(first, first + count, dtype=np.int64)

    def join(self, left: Ids, right: Ids) -> None:
        """Make each of ``left`` the same as that of ``right`` at its place."""
        for one, other in np.unique(np.stack([left.ravel(), right.ravel()], axis=1), axis=0):
            first, second = sorted((self._root(int(one)), self._root(int(other))))
            self._parents[second] = first

    def fix(self, ids: Ids, why: str) -> None:
        """Let all of ``ids`` stay; the last reason is kept."""
        for one in np.unique(ids):
            self._reasons[int(one)] = why

    def roots(self) -> Ids:
        """For every number, the least of those that are the same: ``(numbers,)``."""
        return np.array([self._root(one) for one in range(len(self._parents))], np.int64)

    def reasons(self, first: str) -> dict[int, str]:
        """Why those stay that do, by their roots; ``first`` where that is one of several reasons."""
        found = {self._root(one): why for one, why in self._reasons.items() if why == first}
        for one, why in self._reasons.items():
            found.setdefault(self._root(one), why)
        return found

    def _root(self, one: int) -> int:
        parents = self._parents
        while parents[one] != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        return one


def plain(ids: Ids) -> Ids:
    """The same with one place along every axis on which nothing depends: ``(1, 1, channels)`` of a picture."""
    for axis in range(ids.ndim):
        first = ids.take([0], axis)
        if ids.shape[axis] > 1 and bool((ids == first).all()):
            ids = first
    return ids


def only_along(ids: Ids, axis: int) -> bool:
    """Whether nothing depends on another axis than ``axis``."""
    return all(size == 1 for place, size in enumerate(ids.shape) if place != axis % ids.ndim)


def whole(ids: Ids, shape: tuple[int | None, ...]) -> Ids | None:
    """The numbers of every value of a tensor of ``shape``, the batch left out; None where a size is free."""
    if None in shape:
        return None
    sizes: Any = shape
    return np.broadcast_to(ids, sizes)


def placed(ids: Ids, axis: int, rank: int) -> Ids:
    """``ids`` along ``axis`` of a tensor of ``rank`` axes, the batch not counted."""
    shape = [1] * rank
    shape[axis] = len(ids)
    return ids.reshape(shape)
