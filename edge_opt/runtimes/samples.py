"""Samples of a ``.npy`` file in the shape and type that an artifact takes, and its outputs as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

Spec = Mapping[str, Any]  # the fields of types.TensorSpec


class Rows:
    """The samples ``(n, …)`` of a ``.npy`` file, each read when it is asked for.

    Not mapped: a page that was looked at counts as memory of the process, and in the end all of them would.
    """

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - for as long as the process lives
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        self.shape, fortran, self.dtype = read_header[np.lib.format.read_magic(self._file)](self._file)
        if fortran or self.dtype.hasobject or not self.shape:
            raise ValueError("it holds no plain list of samples")
        self._start = self._file.tell()
        self._row_bytes = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))
        if Path(path).stat().st_size < self._start + len(self) * self._row_bytes:
            raise ValueError("it is cut short")

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, places: slice) -> Any:
        """The samples at those places, ``(n, …)``, in memory."""
        start, stop, _ = places.indices(len(self))
        self._file.seek(self._start + start * self._row_bytes)
        content = self._file.read(max(0, stop - start) * self._row_bytes)
        return np.frombuffer(content, self.dtype).reshape(-1, *self.shape[1:])


def read(path: str) -> Rows:
    """The samples ``(n, …)`` in the file: a test set may be larger than the memory of a board.

    Raises ValueError where it holds no sample or is no array file.
    """
    try:
        rows = Rows(path)
    except (ValueError, KeyError) as error:
        raise ValueError(f"'{path}' cannot be read as an array of samples: {error}") from error
    if len(rows) == 0:
        raise ValueError(f"'{path}' holds no sample")
    return rows


def invented(spec: Spec, count: int, seed: int) -> Any:
    """``count`` samples of uniform noise in 0..1 (whole numbers in 0..127 for integer inputs), for timing without data.

    Raises ValueError where the input has a free dimension besides the batch.
    """
    shape = tuple(spec["shape"][1:])
    if None in shape:
        raise ValueError(f"its input '{spec['name']}' has the shape {tuple(spec['shape'])}: give samples to run it on")
    noise = np.random.default_rng(seed).random((count, *shape), dtype=np.float32)
    if np.issubdtype(np.dtype(spec["dtype"]), np.integer):
        noise = noise * 127
    return noise.astype(spec["dtype"])


def sample(rows: Any, index: int, spec: Spec) -> Any:
    """Sample ``index`` as a batch of one, contiguous and in memory, quantized where the input is.

    Raises ValueError where it does not fit the input.
    """
    one = np.array(rows[index : index + 1], order="C")
    wanted = tuple(spec["shape"])
    if len(wanted) != one.ndim or any(w not in (None, g) for w, g in zip(wanted, one.shape)):  # noqa: B905
        raise ValueError(f"it takes an input of shape {_shown(wanted)}, the samples have {_shown(one.shape)}")
    if one.dtype == np.dtype(spec["dtype"]):
        return one
    if spec["scale"] is None or not np.issubdtype(one.dtype, np.floating):
        raise ValueError(f"it takes an input of type {spec['dtype']}, the samples have {one.dtype}")
    limits = np.iinfo(spec["dtype"])
    steps = np.rint(one / spec["scale"]) + spec["zero_point"]
    return np.clip(steps, limits.min, limits.max).astype(spec["dtype"])


def numbers(output: Any, spec: Spec) -> Any:
    """An output as float32, scaled back where it is quantized."""
    if spec["scale"] is not None and np.issubdtype(output.dtype, np.integer):
        return (output.astype(np.float32) - spec["zero_point"]) * np.float32(spec["scale"])
    return output.astype(np.float32)


def _shown(shape: Any) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
