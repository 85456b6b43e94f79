"""The graph of a model: its calls, the groups of channels that stay or leave together, and what each layer computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.nets import frameworks
from edge_opt.nets.graph.atoms import Ids
from edge_opt.nets.graph.flat import Call, Flat, flatten
from edge_opt.nets.graph.rules import follow
from edge_opt.nets.graph.walk import Cut, Kind, Reading, Walk
from edge_opt.types import Finding

_ANSWERS = "the model answers with it"
_GIVEN = "it is brought together with what the model is given"
_SINGLE = "it is a single channel"
_NAMED = 3  # groups in a finding


@dataclass(frozen=True)
class Group:
    """Channels of which one can leave only together with its like in every layer that makes them."""

    name: str  # of the first of those layers
    layers: tuple[str, ...]  # that make them
    width: int
    fixed: str  # why all of them stay; "" where some can leave
    unit: int = 1  # how many channels of a layer one is at least: those at one place of every group of a convolution


@dataclass(frozen=True)
class Channels:
    """A number of channels at any widths: ``fixed`` + the sum of ``counts[group] · width of the group``."""

    fixed: int
    counts: Mapping[str, int]

    def __call__(self, widths: Mapping[str, int]) -> int:
        """How many there are at ``widths``."""
        return self.fixed + sum(count * widths[name] for name, count in self.counts.items())


@dataclass(frozen=True)
class Work:
    """What a layer computes: ``scale`` · channels in, and · channels out for the kinds ``conv`` and ``dense``.

    That is multiply-accumulates of one inference, and of the kind ``pool`` values read. A separable convolution is two.
    """

    layer: str
    kind: Kind
    scale: float
    inputs: Channels
    outputs: Channels
    config: Mapping[str, Any]  # class_name and config: what makes that layer alone
    shape: tuple[int | None, ...]  # that it reads, the batch left out

    def __call__(self, widths: Mapping[str, int]) -> float:
        """How much it is at ``widths``."""
        once = self.scale * self.inputs(widths)
        return once * self.outputs(widths) if self.kind in ("conv", "dense") else once


@dataclass(frozen=True, eq=False)
class Graph:
    """A model as calls, with what is known of its channels."""

    flat: Flat
    groups: tuple[Group, ...]
    works: tuple[Work, ...]
    layers: Mapping[str, Channels]  # of each layer that makes channels, how many
    cuts: Mapping[int, Cut]  # by the id of the layer
    readings: Mapping[int, Reading]  # by the id of the call
    places: Mapping[str, Ids] = field(repr=False)  # of each group, its channels' numbers
    size: int = 0  # of all numbers

    @property
    def model(self) -> Any:
        """The model that was read."""
        return self.flat.model

    @property
    def calls(self) -> tuple[Call, ...]:
        """Its calls, in an order in which they can run."""
        return self.flat.calls

    @property
    def widths(self) -> Mapping[str, int]:
        """How many channels each group has."""
        return {group.name: group.width for group in self.groups}

    def kept(self, keep: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Of every number whether its channel stays; groups that ``keep`` does not name stay whole.

        Raises ValueError for a mask of another width, one of a group that keeps its width, and one that keeps nothing.
        """
        found = np.ones(self.size, bool)
        known = {group.name: group for group in self.groups}
        for name, mask in keep.items():
            group = known[name]
            if mask.shape != (group.width,) or mask.dtype != bool:
                raise ValueError(f"the mask of '{name}' is {mask.dtype} {mask.shape}, not bool ({group.width},)")
            if not mask.any() or (group.fixed and not mask.all()):
                raise ValueError(f"'{name}' cannot lose all of these channels: {group.fixed or 'none would be left'}")
            found[self.places[name]] = mask
        return found

    def findings(self) -> tuple[Finding, ...]:
        """EO420 where channels stay that no one but the structure of the network holds, with the reasons."""
        held: dict[str, list[str]] = {}
        for group in self.groups:
            if group.fixed not in ("", _ANSWERS, _SINGLE):
                held.setdefault(group.fixed, []).append(group.name)
        if not held:
            return ()
        count = sum(map(len, held.values()))
        told = "; ".join(f"{why} ({_few(names)})" for why, names in held.items())
        return (
            Finding(
                code="EO420",
                level="info",
                message=f"{count} of {len(self.groups)} groups of channels keep their width: {told}",
                hint="nothing to do; the channels of the other layers can leave",
            ),
        )


def _few(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(model: Any) -> Graph:
    """The graph of ``model``, a Functional or Sequential one of Keras 3, as it is. Raises ModelError for another."""
    flat = flatten(model)
    tree, walk = frameworks.keras().tree, Walk()
    for tensor in tree.flatten(flat.inputs):
        walk.set(tensor, walk.untold(tensor, _GIVEN))
    for call in flat.calls:
        follow(walk, call)
    for tensor in tree.flatten(flat.outputs):
        walk.atoms.fix(walk.ids(tensor), _ANSWERS)
    return _Settled(walk).graph(flat)


class _Settled:
    """From a walk that has ended to a graph: numbers that turned out to be the same are one from here on."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._roots = walk.atoms.roots()
        self._reasons = walk.atoms.reasons(_ANSWERS)
        self._group: dict[int, str] = {}  # by number
        self._places: dict[str, Ids] = {}

    def graph(self, flat: Flat) -> Graph:
        groups = self._groups()
        walk = self._walk
        return Graph(
            flat=flat,
            groups=groups,
            works=self._works(),
            layers={layer: self._channels(ids) for layer, ids in walk.producers.items()},
            cuts={key: self._cut(cut) for key, cut in walk.cuts.items()},
            readings={key: Reading(one.axis, self._roots[one.ids]) for key, one in walk.readings.items()},
            places=self._places,
            size=len(self._roots),
        )

    def _groups(self) -> tuple[Group, ...]:
        """Numbers that the same layers make and read, each as often, are one group: all counts are whole then."""
        seen: dict[int, list[tuple[int, int]]] = {}
        made: dict[int, list[str]] = {}
        for slot, (layer, ids) in enumerate(self._slots()):
            for one, count in zip(*np.unique(self._roots[ids], return_counts=True), strict=True):
                seen.setdefault(int(one), []).append((slot, int(count)))
                if layer and layer not in made.setdefault(int(one), []):
                    made[int(one)].append(layer)
        alike: dict[tuple[Any, ...], list[int]] = {}
        for one in sorted(one for one, layers in made.items() if layers):
            alike.setdefault((*seen[one], self._reasons.get(one, "")), []).append(one)
        groups = []
        for numbers in alike.values():
            layers = tuple(made[numbers[0]])
            name, count = layers[0], 2
            while name in self._places:
                name, count = f"{layers[0]}:{count}", count + 1
            fixed = self._reasons.get(numbers[0], "") or (_SINGLE if len(numbers) == 1 else "")
            self._places[name] = np.array(numbers, np.int64)
            self._group.update(dict.fromkeys(numbers, name))
            unit = min(count for slot, count in seen[numbers[0]] if slot < len(self._walk.producers))
            groups.append(Group(name, layers, len(numbers), fixed, unit))
        return tuple(groups)

    def _slots(self) -> list[tuple[str, Ids]]:
        """What is made, by the layer, and what is read."""
        read = [ids for effort in self._walk.efforts for ids in (effort.inputs, effort.outputs)]
        return [*self._walk.producers.items(), *(("", ids) for ids in read)]

    def _channels(self, ids: Ids) -> Channels:
        counts: dict[str, int] = {}
        fixed = 0
        for one, count in zip(*np.unique(self._roots[ids], return_counts=True), strict=True):
            name = self._group.get(int(one))
            if name is None:
                fixed += int(count)
            else:
                counts[name] = int(count)  # the same for all of a group
        return Channels(fixed, counts)

    def _works(self) -> tuple[Work, ...]:
        found: dict[tuple[str, str], Work] = {}
        for one in self._walk.efforts:
            before = found.get((one.layer, one.kind))
            found[one.layer, one.kind] = Work(
                one.layer,
                one.kind,
                one.scale + (before.scale if before else 0),  # a shared layer works at each of its calls
                self._channels(one.inputs),
                self._channels(one.outputs),
                one.single,
                one.shape,
            )
        return tuple(found.values())

    def _cut(self, cut: Cut) -> Cut:
        def rooted(size: Any) -> Any:
            if isinstance(size, tuple):
                return tuple(map(rooted, size))
            return self._roots[size] if isinstance(size, np.ndarray) else size

        weights = {name: {axis: self._roots[ids] for axis, ids in axes.items()} for name, axes in cut.weights.items()}
        return Cut(weights, {key: rooted(size) for key, size in cut.config.items()})
