"""Samples → files of what the model sees, under a contract for pictures or one for arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError
from edge_opt.inputs.dataset.samples import ArraySamples, Samples
from edge_opt.inputs.preprocess import array, picture
from edge_opt.store import room
from edge_opt.types import ArrayPreprocessing, Contract, Finding, Preprocessing

Array = NDArray[Any]
Progress = Callable[[int, int], None]
Warn = Callable[[Finding], None]

PART_BYTES = 256 * 2**20  # of one file of a split that is prepared part by part
_CHUNK = 64
MOST_LATE_FAILURES = 0.01


def shape(contract: Contract) -> tuple[int, ...]:
    """The shape of one prepared sample, without the batch."""
    return contract.shape if isinstance(contract, ArrayPreprocessing) else picture.shape(contract)


def apply(contract: Contract, sample: Array) -> Array:
    """What the model sees of one sample, of :func:`shape`, in the contract's dtype."""
    return (
        array.apply(contract, sample) if isinstance(contract, ArrayPreprocessing) else picture.apply(contract, sample)
    )


def _apply_each(contracts: Sequence[Contract], sample: Array) -> list[Array]:
    """What :func:`apply` gives for each; all contracts are of one kind."""
    if len(contracts) == 1 or isinstance(contracts[0], ArrayPreprocessing):
        return [apply(contract, sample) for contract in contracts]
    return picture.apply_each(cast(Sequence[Preprocessing], contracts), sample)


def parts(
    contract: Contract,
    samples: Samples,
    stem: Path,
    progress: Progress | None = None,
    warn: Warn | None = None,
    most_bytes: int = PART_BYTES,
) -> Iterator[tuple[slice, Path]]:
    """The places of some of the ``samples`` and the file of what the model sees of them, until all have had their turn.

    However many samples there are, no more than ``most_bytes`` of them lie on the disk, as :func:`prepare` writes them:
    each file, named after ``stem``, goes when the next one is asked for. One that holds all samples stays, and is there
    for the next time.
    """
    each = max(1, most_bytes // (4 * int(np.prod(shape(contract)))))
    if len(samples) <= each:
        whole = stem.with_name(f"{stem.name}.npy")
        yield slice(0, len(samples)), whole if whole.exists() else prepare(contract, samples, whole, progress, warn)
        return
    for start in range(0, len(samples), each):
        some = samples.take(range(start, min(start + each, len(samples))))
        path = stem.with_name(f"{stem.name}-{start}.npy")
        try:
            prepare(contract, some, path, _shifted(progress, start, len(samples)), warn)
            yield slice(start, start + len(some)), path
        finally:
            path.unlink(missing_ok=True)


def _shifted(progress: Progress | None, start: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(start + done, total)


def prepare(
    contract: Contract,
    samples: Samples,
    out: Path,
    progress: Progress | None = None,
    warn: Warn | None = None,
) -> Path:
    """Write what the model sees of all ``samples`` to the ``.npy`` file ``out``, ``(n, …)`` float32, and return it.

    Nothing larger than a few pictures is held in memory. A file that can no longer be decoded becomes a picture of
    zeros and a finding given to ``warn``; without ``warn``, or where they are over 1 %, DataError. Raises DataError for
    NaN, and RunError where the disk is full.
    """
    prepare_each({Path(out): contract}, samples, progress, warn)
    return Path(out)


def prepare_each(
    contracts: Mapping[Path, Contract],
    samples: Samples,
    progress: Progress | None = None,
    warn: Warn | None = None,
) -> None:
    """The same for several contracts, each with its file; every picture is decoded once."""
    broken: list[str] = []
    partial = {out: out.with_name(out.name + ".partial") for out in contracts}
    try:
        with room(next(iter(contracts)).parent), ExitStack() as open_files:
            files = [open_files.enter_context(partial[out].open("wb")) for out in contracts]
            for file, contract in zip(files, contracts.values(), strict=True):
                header = {"descr": "<f4", "fortran_order": False, "shape": (len(samples), *shape(contract))}
                np.lib.format.write_array_header_1_0(file, header)
            # written, not mapped: on a full disk a write is an error, a mapped page is a SIGBUS
            for done, rows in _prepared(tuple(contracts.values()), samples, broken, warn is not None):
                for row in rows:
                    for file, values in zip(files, row, strict=True):
                        file.write(np.ascontiguousarray(values, "<f4").tobytes())
                if progress is not None:
                    progress(done, len(samples))
        if broken and warn is not None:
            warn(_late(broken, len(samples)))
        for out in contracts:
            os.replace(partial[out], out)
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)


def _prepared(
    contracts: Sequence[Contract], samples: Samples, broken: list[str], forgiving: bool
) -> Iterator[tuple[int, list[list[Array]]]]:
    """How many samples are done, and the newest of them: for each the row of every contract."""
    most = int(MOST_LATE_FAILURES * len(samples))
    chunk = max(4, _CHUNK // len(contracts))

    def one(i: int) -> list[Array] | DataError:
        try:
            return _apply_each(contracts, samples.image(i))
        except DataError as fault:
            return fault

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        # a small array is done sooner than a thread is woken; files must be decoded
        each = map if isinstance(samples, ArraySamples) else pool.map
        for start in range(0, len(samples), chunk):
            indices = range(start, min(start + chunk, len(samples)))
            rows = []
            for i, row in zip(indices, each(one, indices), strict=True):
                if isinstance(row, DataError):
                    broken.append(samples.name(i))
                    if not forgiving or len(broken) > max(1, most):
                        raise row
                    row = [np.zeros(shape(contract), np.float32) for contract in contracts]
                elif not all(np.isfinite(values).all() for values in row):
                    raise DataError(
                        f"'{samples.name(i)}' holds NaN or infinite values after preprocessing",
                        "correct its pixels, and the scale and offset of the contract",
                    )
                rows.append(row)
            yield indices.stop, rows


def _late(broken: list[str], total: int) -> Finding:
    return Finding(
        code="EO114",
        level="warning",
        message=f"{len(broken)} of {total} pictures can no longer be decoded and count as empty: '{broken[0]}' first",
        hint="the file changed while edge-opt was running; repair it and run again",
    )
