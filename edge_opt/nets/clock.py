"""Works and what they cost → the time of a network at any widths: piecewise linear in the work of each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import InputError
from edge_opt.nets.graph import Channels, Work
from edge_opt.types import KernelSteps, LayerCost, OperatorCosts

Floats = NDArray[np.float64]
EMPTY = ""  # the name under which costs hold what an inference takes that computes nothing
PERIOD = 32  # channels after which the steps of kernels repeat: as wide as any of today's are, or a multiple of it
MIXING = ("conv", "dense")  # their work grows with the channels that they read and with those that they write


def cost_name(work: Work) -> str:
    """The name of a work in :class:`OperatorCosts`: one layer may be two works, as a separable convolution is."""
    return f"{work.layer}/{work.kind}"


def channels_like(steps: Sequence[KernelSteps], kind: str, most: int) -> Floats:
    """As how many channels each number of them costs, 0 to ``most``: ``(most + 1,)``; the same without ``steps``.

    A number between two that were measured costs like the greater one, as kernels fill up what is missing.
    """
    plain = np.arange(most + 1, dtype=np.float64)
    found = next((one for one in steps if one.kind == kind), None)
    if found is None:
        return plain
    known, like = (np.array(axis, np.float64) for axis in zip(*found.widths, strict=True))
    beyond = np.maximum(0, np.ceil((plain - known[-1]) / PERIOD)) * PERIOD
    place = np.searchsorted(known, plain - beyond)
    return np.asarray(np.where(plain > 0, like[place] + beyond, 0.0))


def size_of(kind: str, scale: float, inputs: float, outputs: float, like: Floats) -> float:
    """What the cost of a layer depends on: its multiply-accumulates, or the values that a pooling reads.

    ``like`` is what :func:`channels_like` says of its kind.
    """
    return float(scale * inputs * like[int(outputs)] if kind in MIXING else scale * like[int(inputs)])


class Clock:
    """The time of ``works`` at the widths of ``names``; multiply-accumulates stand for nanoseconds without ``costs``.

    ``full`` has the widths of all groups; those not in ``names`` stay. Raises InputError where ``costs`` lacks a work.
    """

    def __init__(
        self, works: Sequence[Work], costs: OperatorCosts | None, names: Sequence[str], full: Mapping[str, int]
    ) -> None:
        self._mixing = np.array([one.kind in MIXING for one in works], bool)[:, None]
        self._scale = np.array([one.scale for one in works], np.float64)[:, None]
        self._read = _Side([one.inputs for one in works], names, full)
        self._written = _Side([one.outputs for one in works], names, full)
        kinds = sorted({one.kind for one in works})
        self._kind = np.array([kinds.index(one.kind) for one in works], int)[:, None]
        most = max((max(one.inputs(full), one.outputs(full)) for one in works), default=0)
        self._like = np.array([channels_like(costs.steps if costs else (), kind, most) for kind in kinds])
        self._x, self._y = _curves(works, costs)
        self._empty_ns = next((one.points[0][1] for one in costs.layers if one.layer == EMPTY), 0.0) if costs else 0.0

    def ns(self, widths: Floats) -> Floats:
        """The time of the whole network at ``widths`` ``(names,)`` or ``(names, n)``: ``(n,)`` nanoseconds.

        Below the smallest size that was measured, and above the largest, the line goes on as between the last two, and
        no layer takes less than nothing.
        """
        columns = widths if widths.ndim == 2 else widths[:, None]
        if not len(self._scale):
            return np.full(columns.shape[1], self._empty_ns)
        read, written = self._read.channels(columns), self._written.channels(columns)
        stepped = self._like[self._kind, np.where(self._mixing, written, read)]
        size = self._scale * stepped * np.where(self._mixing, read, 1)
        place = np.sum(size[:, :, None] > self._x[:, None, 1:-1], axis=2)
        rows = np.arange(len(size))[:, None]
        x0, x1 = self._x[rows, place], self._x[rows, place + 1]
        y0, y1 = self._y[rows, place], self._y[rows, place + 1]
        each = y0 + (size - x0) * (y1 - y0) / (x1 - x0)
        return np.asarray(np.maximum(each, 0.0).sum(axis=0) + self._empty_ns)


class _Side:
    """The channels that works read, or those that they write, at any widths."""

    def __init__(self, sides: Sequence[Channels], names: Sequence[str], full: Mapping[str, int]) -> None:
        held = dict.fromkeys(names, 0)
        self._fixed = np.array([one({**full, **held}) for one in sides], int)[:, None]
        counts = [[one.counts.get(name, 0) for name in names] for one in sides]
        self._counts = np.array(counts, int).reshape(len(sides), len(names))

    def channels(self, columns: Floats) -> NDArray[np.int_]:
        return np.asarray(self._fixed + self._counts @ columns.astype(int))


def _curves(works: Sequence[Work], costs: OperatorCosts | None) -> tuple[Floats, Floats]:
    """The points of each work, ``(works, n)`` sizes and times."""
    if costs is None:
        lines = [[(0.0, 0.0), (1.0, 0.0 if one.kind == "pool" else 1.0)] for one in works]
    else:
        known = {one.layer: one for one in costs.layers}
        lines = [_rising(one, known) for one in works]
    most = max((len(line) for line in lines), default=2)
    # the last segment of a shorter line is cut in pieces, which changes nothing
    points = np.array([line[:-1] + _between(line[-2], line[-1], most - len(line)) + line[-1:] for line in lines])
    both = points.reshape(len(works), most, 2)
    return both[:, :, 0], both[:, :, 1]


def _between(first: tuple[float, float], last: tuple[float, float], count: int) -> list[tuple[float, float]]:
    return [
        (first[0] + (last[0] - first[0]) * part, first[1] + (last[1] - first[1]) * part)
        for part in ((place + 1) / (count + 1) for place in range(count))
    ]


def _rising(work: Work, known: Mapping[str, LayerCost]) -> list[tuple[float, float]]:
    """The points of one work, its times made not to fall while its size grows: a clock is noisy."""
    found = known.get(cost_name(work))
    if found is None:
        raise InputError(
            f"nothing is known of what the layer '{work.layer}' costs", "measure the layers of this very network"
        )
    rising = np.maximum.accumulate([y for _, y in found.points])
    return [(x, float(y)) for (x, _), y in zip(found.points, rising, strict=True)]
