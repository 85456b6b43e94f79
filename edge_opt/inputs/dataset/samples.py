"""Samples behind one interface, whether they are an array in memory or picture files that are decoded when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_opt.inputs.dataset import pictures
from edge_opt.types import Finding, Unreadable

Labels = NDArray[np.int64]
Indices = Sequence[int] | NDArray[np.int64]
_ALL_READ = Unreadable(total=0, corrupt=0, missing=0, examples=())


class Samples(Protocol):
    """Pictures or other arrays with their labels, in a fixed order."""

    @property
    def labels(self) -> Labels:
        """The index into the classes, for every sample; 0 where the data set has no labels."""

    def __len__(self) -> int:
        """How many samples there are."""

    def image(self, i: int) -> NDArray[Any]:
        """Picture ``i``, ``(h, w, c)`` with c = 1 (grey) or 3 (RGB): uint8, or float32 in 0..255.

        Of an array data set it is the sample as it was stored, of any shape and range. Raises DataError where its file
        cannot be decoded.
        """

    def take(self, indices: Indices) -> Samples:
        """The samples at ``indices``, in that order."""

    def name(self, i: int) -> str:
        """What to call sample ``i`` in a message: its file, or its place in the array."""

    def hashes(self) -> tuple[bytes, ...]:
        """A hash of the picture of every sample; different hashes mean different pictures, mostly (see ``alike``)."""

    def alike(self, i: int, other: Samples, j: int) -> bool:
        """Whether picture ``i`` is exactly picture ``j`` of ``other``: asked where the hashes agree."""


@dataclass(frozen=True, eq=False)
class ArraySamples:
    """Samples ``(n, …)`` in memory, as :meth:`image` gives them; ``numbers`` are their places in ``origin``."""

    pixels: NDArray[Any]
    labels: Labels
    origin: str
    numbers: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def image(self, i: int) -> NDArray[Any]:
        """Sample ``i``."""
        pixels: NDArray[Any] = self.pixels[i]
        return pixels

    def take(self, indices: Indices) -> ArraySamples:
        """The samples at ``indices``, in that order."""
        chosen = np.asarray(indices, np.int64)
        return ArraySamples(self.pixels[chosen], self.labels[chosen], self.origin, self.numbers[chosen])

    def name(self, i: int) -> str:
        """The array and the place in it: ``x_test[17]``."""
        return f"{self.origin}[{self.numbers[i]}]"

    def hashes(self) -> tuple[bytes, ...]:
        """A hash of the pixels of every sample."""
        return self._hashes

    @cached_property
    def _hashes(self) -> tuple[bytes, ...]:  # asked for by every split that is compared with this one
        return tuple(pictures.pixel_hash(image) for image in self.pixels)

    def alike(self, i: int, other: Samples, j: int) -> bool:
        """Whether the pixels are the same."""
        return np.array_equal(self.image(i), other.image(j))


@dataclass(frozen=True, eq=False)
class FileSamples:
    """Picture files, decoded one at a time and only when asked; ``root`` is left out of their names."""

    root: Path
    paths: tuple[str, ...]
    labels: Labels
    inspected: tuple[pictures.Inspected, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def image(self, i: int) -> NDArray[Any]:
        """Picture ``i``, ``(h, w, c)`` uint8. Raises DataError where it cannot be decoded any more."""
        return pictures.read(Path(self.paths[i]))

    def take(self, indices: Indices) -> FileSamples:
        """The samples at ``indices``, in that order."""
        chosen = [int(i) for i in indices]
        return FileSamples(
            self.root,
            tuple(self.paths[i] for i in chosen),
            self.labels[np.asarray(chosen, np.int64)],
            tuple(self.inspected[i] for i in chosen),
        )

    def name(self, i: int) -> str:
        """The file, as seen from the data set."""
        return short_name(self.root, Path(self.paths[i]))

    def hashes(self) -> tuple[bytes, ...]:
        """The hash of every picture, taken when it was inspected."""
        return tuple(each.pixels for each in self.inspected)

    def alike(self, i: int, other: Samples, j: int) -> bool:
        """Whether the files hold the same bytes or, under other metadata, the same pixels."""
        if isinstance(other, FileSamples) and self.inspected[i].sha256 == other.inspected[j].sha256:
            return True
        return np.array_equal(self.image(i), other.image(j))


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """A data set as it was given, split as it was given; without any split everything stands under ``train``.

    ``sha256`` covers every sample, its label and its split, wherever the data set lies. Of samples that are not
    ``labelled``, every label is 0; ``classes`` are then the declared ones, if any.
    """

    path: Path
    classes: tuple[str, ...]
    train: Samples | None
    validation: Samples | None
    test: Samples | None
    findings: tuple[Finding, ...]
    sha256: str
    kind: Literal["picture", "array"] = "picture"
    labelled: bool = True
    unreadable: Unreadable = _ALL_READ  # of the files that were listed

    @property
    def noun(self) -> str:
        """What to call one of the samples."""
        return "picture" if self.kind == "picture" else "sample"

    @property
    def splits(self) -> dict[str, Samples]:
        """The splits that there are, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: samples for name, samples in parts.items() if samples is not None}


def short_name(root: Path, path: Path) -> str:
    """``path`` as seen from ``root``, with slashes; whole where it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
