"""A network → each of its layers alone, as a file that a runtime can time, at a few widths."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_opt import registry
from edge_opt.nets import frameworks, freeze
from edge_opt.nets.allocation import uniform
from edge_opt.nets.clock import cost_name
from edge_opt.nets.graph import Graph, Work, read
from edge_opt.types import Quantization, Source, TensorSpec

MOST_LAYERS = 40  # that are written, of those that differ; the others are priced like them
_MOST_WEIGHTS = 2**24  # of one file: conversions of larger ones take a minute each
_KEPT = (1, 1 / 2, 1 / 4, 0)  # of the channels, rounded to what the kernels work in, and at least one such step
_LARGE = 2**16  # values of the input that only has to be copied
# what has no say in how long a layer takes, and may name code that is not there
_LEFT_OUT = ("name", "trainable", "dtype", "_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One layer at one width."""

    work: float  # as the network does it in one inference: of a layer that is called twice, twice
    values: int  # that it reads and writes, all of which a runtime copies in and out when it is alone
    path: Path | None  # None where it was not written


@dataclass(frozen=True, kw_only=True)
class SingleLayer:
    """Works of a network that cost the same: by their names in the costs, from the narrowest width to the full one."""

    names: tuple[str, ...]
    kind: str
    calls: int  # in one inference
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class SingleLayers:
    """The layers of a network, and two files to know by what it costs to run anything at all.

    ``empty`` computes nothing on one value, ``copying`` nothing on ``copied`` values.
    """

    layers: tuple[SingleLayer, ...]
    empty: Path
    copying: Path
    copied: int


def of_file(
    frontend: registry.Frontend, path: Path, allow_code: bool, exporter: registry.Exporter, multiple: int, out: Path
) -> SingleLayers:
    """:func:`write` for the model at ``path``. Loads the framework: for a process of its own."""
    network: Any = frontend.network(path, allow_code)  # type: ignore[attr-defined]
    return write(read(network), exporter, multiple, out)


def write(graph: Graph, exporter: registry.Exporter, multiple: int, out: Path) -> SingleLayers:
    """Every layer of ``graph`` that computes, at up to four widths, by ``exporter`` in float32 into the folder ``out``.

    Layers that are alike are written once, and of those that differ the largest :data:`MOST_LAYERS`.
    """
    ladder = [uniform(graph.groups, 1 - kept, multiple) for kept in _KEPT]
    alike: dict[str, list[Work]] = {}
    for work in graph.works:
        alike.setdefault(_likeness(graph, work, ladder), []).append(work)
    order = sorted(alike.values(), key=lambda works: -works[0](graph.widths))
    layers = []
    for place, works in enumerate(order):
        folder = out / f"layer{place}" if place < MOST_LAYERS else None
        layers.append(
            SingleLayer(
                names=tuple(map(cost_name, works)),
                kind=works[0].kind,
                calls=_calls(graph, works[0]),
                points=tuple(_points(works[0], ladder, exporter, folder)),
            )
        )
    return SingleLayers(
        layers=tuple(layers),
        empty=_exported(_empty, (1,), exporter, out / "empty"),
        copying=_exported(_empty, (_LARGE,), exporter, out / "copying"),
        copied=_LARGE,
    )


def _likeness(graph: Graph, work: Work, ladder: Sequence[Mapping[str, int]]) -> str:
    """What two works have in common that take the same time at each of the same widths."""
    sides = [(work.inputs(widths), work.outputs(widths)) for widths in ladder]
    config = [work.config["class_name"], _plain(work.config["config"])]
    return json.dumps(
        [work.kind, work.scale, _calls(graph, work), work.shape, sides, config], sort_keys=True, default=str
    )


def _calls(graph: Graph, work: Work) -> int:
    return max(1, sum(call.name == work.layer for call in graph.calls))


def _points(
    work: Work, ladder: Sequence[Mapping[str, int]], exporter: registry.Exporter, folder: Path | None
) -> Iterator[Point]:
    """Of each width that differs, the narrowest first; nothing is written without a ``folder``."""
    sides = {work(widths): (work.inputs(widths), work.outputs(widths)) for widths in ladder}
    for size, (inputs, outputs) in sorted(sides.items()):
        layer, shape = _layer(work, inputs, outputs)
        answer = layer(frameworks.keras().Input(shape, batch_size=1)).shape[1:]
        weights = sum(math.prod(variable.shape) for variable in layer.weights)
        written = folder is not None and (weights <= _MOST_WEIGHTS or size == min(sides))
        yield Point(
            work=size,
            values=math.prod(shape) + math.prod(answer),
            path=_exported(layer, shape, exporter, folder / f"{inputs}-{outputs}") if folder and written else None,
        )


def _layer(work: Work, inputs: int, outputs: int) -> tuple[Any, tuple[int, ...]]:
    """The layer of ``work`` with so many channels in and out, new, and the shape that it takes."""
    config = dict(_plain(work.config["config"]))
    axis = 0 if config.get("data_format") == "channels_first" else -1
    shape = [size or 1 for size in work.shape]
    if config.get("groups", 1) == shape[axis] > 1:
        config["groups"] = inputs
    shape[axis] = inputs
    for name in ("filters", "units"):
        if name in config:
            config[name] = outputs
    kind = getattr(frameworks.keras().layers, work.config["class_name"])
    return kind.from_config({**config, "dtype": "float32"}), tuple(shape)


def _plain(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in config.items() if not name.endswith(_LEFT_OUT)}


def _empty(inputs: Any) -> Any:
    """One value, taken from the first: what is left is copying the inputs."""
    return frameworks.tensorflow().nn.relu(inputs[:, :1])


def _exported(call: Any, shape: tuple[int, ...], exporter: registry.Exporter, folder: Path) -> Path:
    """The file that a runtime opens for ``call`` on inputs of ``shape``, the batch not counted."""
    entry = TensorSpec(name="x", shape=(None, *shape), dtype="float32")
    frozen = freeze.freeze(call, entry)
    saved = freeze.write(frozen, entry, TensorSpec(name="y", shape=(), dtype="float32"), folder / "saved_model")
    built = folder / "built"
    built.mkdir()
    variant = exporter.variants(Quantization(), "saved_model")[0]
    none = np.zeros((0, *shape), np.float32)
    return exporter.export(Source(kind="saved_model", path=saved), Quantization(), variant, none, built)
