"""Which channels of a network are which: a walk along its calls, with a number for every channel of every tensor.

A convolution makes new numbers; an addition makes those of its inputs the same; a pooling hands them on; a layer that
mixes channels in a way that is not known lets all that it reads and writes stay. What a layer's weights and
configuration have to do with which numbers is written down on the way, and is all that slicing looks at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from edge_opt.nets.graph.atoms import Atoms, Ids, only_along, placed, plain
from edge_opt.nets.graph.flat import Call, Tensor
from edge_opt.nets.graph.shapes import mixing, single

Kind = Literal["conv", "depthwise", "dense", "pool"]
ALL = ""  # every weight of a layer


@dataclass(frozen=True)
class Cut:
    """What of a layer is for which channel: axes of its weights, by their names, and sizes in its configuration.

    A size is a plain number, or as many as of those channels stay.
    """

    weights: Mapping[str, Mapping[int, Ids]] = field(default_factory=dict)
    config: Mapping[str, Ids | tuple[int | Ids, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """That a layer mixes the channels of its first input: their axis, the batch counted, and what they are."""

    axis: int
    ids: Ids


@dataclass(frozen=True)
class Effort:
    """What one call computes: ``scale`` times its channels in, and times those out where it mixes them."""

    layer: str
    kind: Kind
    scale: float
    inputs: Ids
    outputs: Ids
    single: Mapping[str, Any]
    shape: tuple[int | None, ...]


class Walk:
    """What is known of the channels so far."""

    def __init__(self) -> None:
        self.atoms = Atoms()
        self.cuts: dict[int, Cut] = {}  # by the layer
        self.readings: dict[int, Reading] = {}  # by the call
        self.producers: dict[str, Ids] = {}
        self.efforts: list[Effort] = []
        self._bound: dict[tuple[int, str], Ids] = {}
        self._ids: dict[int, Ids] = {}

    def ids(self, tensor: Tensor) -> Ids:
        """The numbers of ``tensor``, in a shape that fits its own without the batch."""
        return self._ids[id(tensor)]

    def set(self, tensor: Tensor, ids: Ids) -> None:
        """Say what ``tensor`` holds."""
        self._ids[id(tensor)] = plain(ids)

    def along(self, tensor: Tensor, axis: int, why: str) -> Ids:
        """The numbers along ``axis`` (the batch not counted) of ``tensor``: ``(size,)``.

        Where they depend on another axis too, all stay because of ``why``, and new ones that stay stand for them.
        """
        ids, size = self.ids(tensor), tensor.shape[1:][axis]
        if only_along(ids, axis) and size is not None:
            return np.broadcast_to(ids.ravel(), (size,))
        self.atoms.fix(ids, why)
        return self.kept(size or 1, why)

    def kept(self, count: int, why: str) -> Ids:
        """New numbers that stay."""
        ids = self.atoms.fresh(count)
        self.atoms.fix(ids, why)
        return ids

    def bind(self, call: Call, role: str, ids: Ids) -> Ids:
        """``ids`` as what the layer of ``call`` knows in ``role``: those of its other calls are made the same."""
        known = self._bound.setdefault((id(call.operation), role), ids)
        if known is not ids:
            self.atoms.join(known, ids)
        return known

    def produced(self, call: Call, count: int) -> Ids:
        """The numbers of what the layer of ``call`` makes anew: the same at every call of it."""
        key = (id(call.operation), "out")
        if key not in self._bound:
            self._bound[key] = self.atoms.fresh(count)
            self.producers[call.name] = self._bound[key]
        return self._bound[key]

    def give_up(self, call: Call, why: str) -> None:
        """Let all stay that ``call`` reads and writes."""
        for tensor in call.inputs:
            self.atoms.fix(self.ids(tensor), why)
        for tensor in call.outputs:
            self.set(tensor, self.untold(tensor, why))

    def unknown(self, call: Call) -> None:
        """Let all stay that ``call`` reads and writes, since it mixes channels in a way that is not known."""
        self.give_up(call, mixing(call))

    def effort(
        self,
        call: Call,
        kind: Kind,
        scale: float,
        inputs: Ids,
        outputs: Ids,
        alone: tuple[Mapping[str, Any], tuple[int | None, ...]] | None = None,
    ) -> None:
        """Write down what ``call`` computes; ``alone`` is the part of its layer that does, and the shape it reads."""
        config, shape = alone or (single(call), call.inputs[0].shape[1:])
        self.efforts.append(Effort(call.name, kind, float(scale), inputs, outputs, config, shape))

    def untold(self, tensor: Tensor, why: str) -> Ids:
        """New numbers that stay, along the last axis of ``tensor``."""
        rank = len(tensor.shape) - 1
        size = tensor.shape[-1] if rank else 1
        ids = self.kept(size or 1, why)
        return placed(ids, rank - 1, rank) if rank else ids.reshape(())
