"""Samples that are no pictures → what the model sees: ``value * scale + offset`` in float64, rounded to float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import DataError
from edge_opt.inputs.dataset.samples import Samples
from edge_opt.types import ArrayPreprocessing, TensorSpec
from edge_opt.units import format_number

Array = NDArray[Any]
_LOOKED_AT = 5000
_MOST_COLUMNS = 1024
_NEGLIGIBLE = 0.02  # a scale nearer to 1 and an offset nearer to 0 change nothing that accuracy could tell
_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """The range of the values, their mean and deviation, in all and for each place of the last axis."""

    low: float
    high: float
    mean: float
    deviation: float
    column_means: tuple[float, ...]
    column_deviations: tuple[float, ...]


def apply(contract: ArrayPreprocessing, sample: Array) -> Array:
    """What the model sees of ``sample``, of the contract's shape, float32.

    Raises DataError where the sample has another number of values.
    """
    if sample.size != int(np.prod(contract.shape)):
        raise DataError(
            f"the samples have the shape {sample.shape}, which are not the {_shown(contract.shape)} values of the "
            "contract",
            "correct its shape, or give the data that it is for",
        )
    scale, offset = (np.asarray(each, np.float64) for each in (contract.scale, contract.offset))
    return np.ascontiguousarray(sample.reshape(contract.shape).astype(np.float64) * scale + offset, np.float32)


def statistics(samples: Samples) -> Statistics:
    """The statistics of up to 5,000 of the samples, evenly spread."""
    chosen = range(0, len(samples), max(1, len(samples) // _LOOKED_AT))
    values = np.stack([samples.image(i) for i in chosen]).astype(np.float64)
    columns = values.reshape(-1, values.shape[-1])
    return Statistics(
        low=float(values.min()),
        high=float(values.max()),
        mean=float(values.mean()),
        deviation=float(values.std()),
        column_means=tuple(columns.mean(axis=0).tolist()),
        column_deviations=tuple(columns.std(axis=0).tolist()),
    )


def likely(spec: TensorSpec, samples: Samples) -> tuple[ArrayPreprocessing, ...]:
    """The contracts worth trying for a model with the input ``spec``: the values as they are, then the usual scalings.

    Means, deviations and ranges are those of ``samples``, which should be what the model was trained on. Raises
    DataError where they do not have as many values as the input.
    """
    shape = _shape(spec, samples.image(0).shape)
    found = [ArrayPreprocessing(shape=shape)]
    for scale, offset in _scalings(statistics(samples), shape):
        far = max(max(abs(one - 1) for one in scale), max(map(abs, offset)))
        if far > _NEGLIGIBLE and all(np.isfinite((*scale, *offset))):
            found.append(ArrayPreprocessing(shape=shape, scale=scale, offset=offset))
    return tuple(found)


def _scalings(seen: Statistics, shape: tuple[int, ...]) -> Iterator[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Scale and offset: standardised by the last axis, standardised in all, to 0..1 and to -1..1."""
    if 1 < len(seen.column_means) == shape[-1] <= _MOST_COLUMNS:
        scales = tuple(1 / (deviation or 1.0) for deviation in seen.column_deviations)
        yield scales, tuple(-mean * scale for mean, scale in zip(seen.column_means, scales, strict=True))
    yield (1 / (seen.deviation or 1.0),), (-seen.mean / (seen.deviation or 1.0),)
    span = (seen.high - seen.low) or 1.0
    yield (1 / span,), (-seen.low / span,)
    yield (2 / span,), (-2 * seen.low / span - 1,)


def _shape(spec: TensorSpec, stored: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the input, its free sizes as the samples have them."""
    taken = spec.shape[1:]
    if None in taken and len(taken) == len(stored):
        taken = tuple(have if want is None else want for have, want in zip(stored, taken, strict=True))
    known = tuple(size for size in taken if size is not None)
    if len(known) != len(taken) or not taken or int(np.prod(known)) != int(np.prod(stored)):
        wanted = " x ".join("any" if size is None else str(size) for size in taken) or "single values"
        raise DataError(
            f"the samples have the shape {_shown(stored)}, but the input '{spec.name}' takes {wanted}",
            "give the data that this model was trained for, in the shape that it takes",
        )
    return known


def check(contract: ArrayPreprocessing, spec: TensorSpec, path: Path | None = None) -> None:
    """Nothing; raises DataError where ``contract`` makes samples of another shape than the input ``spec`` takes.

    ``path`` is the file that holds the contract.
    """
    taken = spec.shape[1:]
    if len(contract.shape) == len(taken) and all(
        want in (None, have) for have, want in zip(contract.shape, taken, strict=True)
    ):
        return
    wanted = " x ".join("any" if size is None else str(size) for size in taken)
    raise misfit(f"samples of {_shown(contract.shape)}", wanted, path)


def misfit(made: str, wanted: str, path: Path | None) -> DataError:
    """The error for a contract, in the file ``path``, that makes something else than the model takes."""
    whose = f"'{path}' was written for another model: it" if path else "the preprocessing contract"
    return DataError(
        f"{whose} makes {made}, but the model takes {wanted}",
        "delete it, or give the data that this model was trained on",
    )


def describe(contract: ArrayPreprocessing) -> str:
    """The contract in a few words: ``49 x 10, values as they are``, ``30, value * 0.5 + (-1)``."""
    if set(contract.scale) == {1.0} and set(contract.offset) == {0.0}:
        return f"{_shown(contract.shape)}, values as they are"
    return f"{_shown(contract.shape)}, value * {_numbers(contract.scale)} + {_numbers(contract.offset)}"


def _numbers(numbers: tuple[float, ...]) -> str:
    listed = ", ".join(format_number(number) for number in numbers[:_SHOWN])
    if len(numbers) > _SHOWN:
        listed += f", … {len(numbers)} in all"
    return f"({listed})"


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
