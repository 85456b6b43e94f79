"""Samples of a ``.npy`` file in the shape and type that an artifact takes, and its outputs as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Spec = Mapping[str, Any]  # the fields of types.TensorSpec


def read(path: str) -> Any:
    """The array ``(n, …)`` in the file, mapped and not loaded: a test set may be larger than the memory of a board.

    Raises ValueError where it holds no sample or is no array file.
    """
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    if rows.ndim == 0 or len(rows) == 0:
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
