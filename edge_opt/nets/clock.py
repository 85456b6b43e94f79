"""Works and what they cost → the time of a network at any widths: piecewise linear in the work of each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import InputError
from edge_opt.types import LayerCost, OperatorCosts

Floats = NDArray[np.float64]
EMPTY = ""  # the name under which costs hold what an inference takes that computes nothing
_MIXING = ("conv", "dense")  # their work grows with the channels that they read and with those that they write


class Channels(Protocol):
    """How many channels there are: some whatever the widths, and some for each unit of width of a group."""

    @property
    def fixed(self) -> int:
        """Channels that do not depend on any width."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Channels for each unit of width, by the name of the group."""


class Work(Protocol):
    """What one layer computes, as a function of widths."""

    @property
    def layer(self) -> str:
        """The name of the layer."""

    @property
    def kind(self) -> str:
        """``conv``, ``dense``, ``depthwise`` or ``pool``."""

    @property
    def scale(self) -> float:
        """Multiply-accumulates for each pair of a channel read and one written, or for each one read."""

    @property
    def inputs(self) -> Channels:
        """The channels that it reads."""

    @property
    def outputs(self) -> Channels:
        """The channels that it writes."""


def cost_name(work: Work) -> str:
    """The name of a work in :class:`OperatorCosts`: one layer may be two works, as a separable convolution is."""
    return f"{work.layer}/{work.kind}"


class Clock:
    """The time of ``works`` at the widths of ``names``; multiply-accumulates stand for nanoseconds without ``costs``.

    ``full`` has the widths of all groups; those not in ``names`` stay. Raises InputError where ``costs`` lacks a work.
    """

    def __init__(
        self, works: Sequence[Work], costs: OperatorCosts | None, names: Sequence[str], full: Mapping[str, int]
    ) -> None:
        self.names = tuple(names)
        self._scale = np.array([one.scale for one in works], np.float64)
        self._mixing = np.array([one.kind in _MIXING for one in works], bool)
        self._fixed, self._counts = [], []
        for sides in ([one.inputs for one in works], [one.outputs for one in works]):
            unknown = {name: width for name, width in full.items() if name not in self.names}
            held = [
                side.fixed + sum(side.counts.get(name, 0) * width for name, width in unknown.items()) for side in sides
            ]
            counts = [[side.counts.get(name, 0) for name in self.names] for side in sides]
            self._fixed.append(np.array(held, np.float64))
            self._counts.append(np.array(counts, np.float64).reshape(len(works), len(self.names)))
        curves = _curves(works, costs)
        self._x, self._y = (np.array(axis, np.float64).reshape(len(works), -1) for axis in curves)
        self._empty_ns = _empty_ns(costs)

    def work(self, widths: Floats) -> Floats:
        """Of each work at ``widths`` ``(names,)`` or ``(names, n)``, what its cost depends on: ``(works, n)``."""
        columns = widths if widths.ndim == 2 else widths[:, None]
        read, written = (
            fixed[:, None] + counts @ columns for fixed, counts in zip(self._fixed, self._counts, strict=True)
        )
        return self._scale[:, None] * read * np.where(self._mixing[:, None], written, 1.0)

    def ns(self, widths: Floats) -> Floats:
        """The time of the whole network at ``widths`` ``(names,)`` or ``(names, n)``: ``(n,)`` nanoseconds.

        Below the smallest size that was measured, and above the largest, the line goes on as between the last two, and
        no layer takes less than nothing.
        """
        work = self.work(widths)
        if not len(work):
            return np.full(work.shape[1], self._empty_ns)
        place = np.sum(work[:, :, None] > self._x[:, None, 1:-1], axis=2)
        rows = np.arange(len(work))[:, None]
        x0, x1 = self._x[rows, place], self._x[rows, place + 1]
        y0, y1 = self._y[rows, place], self._y[rows, place + 1]
        each = y0 + (work - x0) * (y1 - y0) / (x1 - x0)
        return np.asarray(np.maximum(each, 0.0).sum(axis=0) + self._empty_ns)


def _empty_ns(costs: OperatorCosts | None) -> float:
    return next((one.points[0][1] for one in costs.layers if one.layer == EMPTY), 0.0) if costs else 0.0


def _curves(works: Sequence[Work], costs: OperatorCosts | None) -> tuple[list[list[float]], ...]:
    """The points of each work, first their sizes and then their times, as many of each work."""
    if costs is None:
        lines = [[(0.0, 0.0), (1.0, 0.0 if one.kind == "pool" else 1.0)] for one in works]
    else:
        known = {one.layer: one for one in costs.layers}
        lines = [_rising(one, known) for one in works]
    most = max((len(line) for line in lines), default=2)
    # the last segment of a shorter line is cut in pieces, which changes nothing
    full = [line[:-1] + _between(line[-2], line[-1], most - len(line)) + line[-1:] for line in lines]
    return [[x for x, _ in line] for line in full], [[y for _, y in line] for line in full]


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
