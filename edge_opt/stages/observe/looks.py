"""Samples → what is measured of each in one pass over them, every file decoded once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError
from edge_opt.inputs import preprocess
from edge_opt.inputs.dataset import Samples, stratified
from edge_opt.stages.observe import measures
from edge_opt.types import ArrayPreprocessing, Contract

Array = NDArray[Any]
Floats = NDArray[np.float32]
Tell = Callable[[int, int], None]

_MOST_NUMBERS = 50_000_000  # of one split, after the contract: about 20 seconds' work
_LEAST, _MOST = 2_000, 60_000  # samples of a split, whatever their size
# Samples that are looked at together, and those that say what is usual: of large ones only as many as hold so many
# numbers, as some copies of them are in memory at once.
_CHUNK, _CHUNK_NUMBERS = 250, 4_000_000
_REFERENCE, _REFERENCE_NUMBERS = 2_000, 10_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Looks:
    """What was seen of ``samples``, those of a split that were looked at: of every array the first axis is theirs.

    ``marks`` are few numbers by which a sample is recognised: a thumbnail of a picture, the values of an array.
    ``features`` are its properties by name. ``lows`` to ``squares`` are of the values that the model gets: least,
    largest, mean and mean square; ``peaks`` say how far the farthest value is from what is usual.
    """

    samples: Samples
    marks: Floats
    features: dict[str, Floats]
    lows: Floats
    highs: Floats
    means: Floats
    squares: Floats
    peaks: Floats
    sizes: NDArray[np.int64]  # (n, 2): height and width as stored; (n, 0) where they are no pictures

    def __len__(self) -> int:
        return len(self.lows)

    def take(self, indices: NDArray[np.int64]) -> Looks:
        """The looks at some of the samples, in that order."""
        return Looks(
            samples=self.samples.take(indices),
            features={name: values[indices] for name, values in self.features.items()},
            **{name: getattr(self, name)[indices] for name in _ARRAYS},
        )


_ARRAYS = ("marks", "lows", "highs", "means", "squares", "peaks", "sizes")


def chosen(samples: Samples, contract: Contract, seed: int) -> Samples:
    """As many of ``samples``, each class with its share, as can be looked at in bounded time; mostly all of them."""
    most = int(np.clip(_MOST_NUMBERS // _numbers(contract), _LEAST, _MOST))
    if len(samples) <= most:
        return samples
    return samples.take(stratified(samples.labels, most, np.random.default_rng(seed)))


def _numbers(contract: Contract) -> int:
    return max(1, int(np.prod(preprocess.shape(contract))))


def usual(samples: Samples, contract: Contract) -> measures.Usual:
    """What is usual for the values of ``samples``, evenly spread, as they are before the contract's numbers."""
    few = min(len(samples), _REFERENCE, max(1, _REFERENCE_NUMBERS // _numbers(contract)))
    spread = samples.take(np.linspace(0, len(samples) - 1, few).astype(np.int64))
    rows = [values for values, _, _ in _stored(spread, contract)]
    return measures.usual(np.concatenate(rows))


def look(samples: Samples, contract: Contract, reference: measures.Usual, tell: Tell) -> Looks | None:
    """The looks at all ``samples`` that can still be decoded, None if none can; ``tell(done, total)`` is called."""
    kept: list[int] = []
    sizes: list[tuple[int, ...]] = []
    parts: list[dict[str, Floats]] = []
    scale, offset = (np.asarray(each, np.float32) for each in (contract.scale, contract.offset))
    measure = measures.of_arrays if isinstance(contract, ArrayPreprocessing) else measures.of_pictures
    for values, size, places in _stored(samples, contract):
        kept += places
        sizes += size
        given = (values * scale + offset).reshape(len(values), -1)
        parts.append(
            {
                "lows": given.min(axis=1),
                "highs": given.max(axis=1),
                "means": given.mean(axis=1),
                "squares": np.square(given, dtype=np.float64).mean(axis=1).astype(np.float32),
                "peaks": measures.peaks(values, reference),
                **measure(values, contract, reference),
            }
        )
        tell(min(places[-1] + 1, len(samples)), len(samples))
    if not parts:
        return None
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    stored = np.asarray(sizes, np.int64).reshape(len(kept), -1)
    if stored.size:
        columns["size"] = stored.min(axis=1).astype(np.float32)
    return Looks(
        samples=samples if len(kept) == len(samples) else samples.take(kept),
        sizes=stored,
        features={name: columns.pop(name) for name in list(columns) if name not in _ARRAYS},
        **columns,
    )


def _stored(samples: Samples, contract: Contract) -> Iterator[tuple[Floats, list[tuple[int, ...]], list[int]]]:
    """Chunk by chunk: the samples in the contract's shape before its numbers, their sizes as stored, their places."""
    plain: Contract
    if isinstance(contract, ArrayPreprocessing):
        plain = replace(contract, scale=(1.0,), offset=(0.0,))
    else:
        plain = replace(contract, scale=(1.0,), offset=(0.0,), dtype="float32", layout="NHWC")

    def one(i: int) -> tuple[Array, tuple[int, ...]] | None:
        try:
            image = samples.image(i)
        except DataError:  # it could be decoded when the data were read: the run says so where it matters
            return None
        size = () if isinstance(contract, ArrayPreprocessing) else image.shape[:2]
        return preprocess.apply(plain, image), size

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        chunk = max(1, min(_CHUNK, _CHUNK_NUMBERS // _numbers(contract)))
        for start in range(0, len(samples), chunk):
            places = range(start, min(start + chunk, len(samples)))
            # a small array is done sooner than a thread is woken; files must be decoded
            found = list((pool.map if hasattr(samples, "paths") else map)(one, places))
            good = [(i, each) for i, each in zip(places, found, strict=True) if each is not None]
            if good:
                values = np.stack([value for _, (value, _) in good]).astype(np.float32)
                yield values, [size for _, (_, size) in good], [i for i, _ in good]
