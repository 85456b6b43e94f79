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
from edge_opt.nets.clock import PERIOD, cost_name
from edge_opt.nets.graph import Graph, Work, read
from edge_opt.types import Quantization, Source, TensorSpec

MOST_LAYERS = 40  # that are written, of those that differ; the others are priced like them
_MOST_WEIGHTS = 2**24  # of one file: conversions of larger ones take a minute each
_KEPT = (1, 1 / 2, 1 / 4, 0)  # of the channels, rounded to what the kernels work in, and at least one such step
_LARGE = 2**16  # values of the input that only has to be copied
_WIDTH = {"Conv2D": "filters", "Dense": "units"}
# by kind, the layer by which the steps of its kernels are found, and what it reads; None is the width
_PROBES: Mapping[str, tuple[str, Mapping[str, Any], tuple[int | None, ...]]] = {
    "conv": ("Conv2D", {"kernel_size": 3, "padding": "same"}, (14, 14, 32)),
    "dense": ("Dense", {}, (1024,)),
    "depthwise": ("DepthwiseConv2D", {"kernel_size": 3, "padding": "same"}, (28, 28, None)),
    "pool": ("MaxPooling2D", {"pool_size": 2}, (28, 28, None)),
}
# what has no say in how long a layer takes, and may name code that is not there
_LEFT_OUT = ("name", "trainable", "dtype", "_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One layer at one width."""

    inputs: int  # channels that it reads
    outputs: int  # … and writes
    values: int  # that it reads and writes, all of which a runtime copies in and out when it is alone
    path: Path | None  # None where it was not written


@dataclass(frozen=True, kw_only=True)
class SingleLayer:
    """Works of a network that cost the same: by their names in the costs, from the narrowest width to the full one."""

    names: tuple[str, ...]
    kind: str
    scale: float  # of :class:`Work`: all calls of one inference together
    calls: int  # in one inference
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class SingleLayers:
    """The layers of a network, and what it takes to know their costs at all widths from a few.

    ``probes`` has one layer of each kind at many widths, by which the steps of the kernels show. Of the two files, one
    computes nothing on one value, the other nothing on ``copied`` values.
    """

    layers: tuple[SingleLayer, ...]
    probes: tuple[SingleLayer, ...]
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
                scale=works[0].scale,
                calls=_calls(graph, works[0]),
                points=tuple(_points(works[0], ladder, exporter, folder)),
            )
        )
    kinds = sorted({work.kind for work in graph.works})
    return SingleLayers(
        layers=tuple(layers),
        probes=tuple(_probe(kind, exporter, multiple, out / kind) for kind in kinds if multiple < PERIOD),
        empty=exported(_empty, (1,), exporter, out / "empty"),
        copying=exported(_empty, (_LARGE,), exporter, out / "copying"),
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
            inputs=inputs,
            outputs=outputs,
            values=math.prod(shape) + math.prod(answer),
            path=exported(layer, shape, exporter, folder / f"{inputs}-{outputs}") if folder and written else None,
        )


def _probe(kind: str, exporter: registry.Exporter, multiple: int, folder: Path) -> SingleLayer:
    """A layer of ``kind``, large enough to be timed well, at every width until the steps of its kernels repeat."""
    name, config, shape = _PROBES[kind]
    points = []
    for width in range(multiple, 2 * PERIOD + 1, multiple):
        layer = getattr(frameworks.keras().layers, name)(**config, **({_WIDTH[name]: width} if name in _WIDTH else {}))
        taken = tuple(width if size is None else size for size in shape)
        answer = layer(frameworks.keras().Input(taken, batch_size=1)).shape[1:]
        values = math.prod(taken) + math.prod(answer)
        path = exported(layer, taken, exporter, folder / str(width))
        points.append(Point(inputs=taken[-1], outputs=width, values=values, path=path))
    return SingleLayer(names=(), kind=kind, scale=1.0, calls=1, points=tuple(points))


def _layer(work: Work, inputs: int, outputs: int) -> tuple[Any, tuple[int, ...]]:
    """The layer of ``work`` with so many channels in and out, new, and the shape that it takes."""
    config = dict(_plain(work.config["config"]))
    axis = 0 if config.get("data_format") == "channels_first" else -1
    shape = [size or 1 for size in work.shape]
    if config.get("groups", 1) == shape[axis] > 1:
        config["groups"] = inputs
    shape[axis] = inputs
    config |= {name: outputs for name in _WIDTH.values() if name in config}
    kind = getattr(frameworks.keras().layers, work.config["class_name"])
    return kind.from_config({**config, "dtype": "float32"}), tuple(shape)


def _plain(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in config.items() if not name.endswith(_LEFT_OUT)}


def _empty(inputs: Any) -> Any:
    """One value, taken from the first: what is left is copying the inputs."""
    return frameworks.tensorflow().nn.relu(inputs[:, :1])


def exported(call: Any, shape: tuple[int, ...], exporter: registry.Exporter, folder: Path) -> Path:
    """The file that a runtime opens for ``call`` on inputs of ``shape``, the batch not counted."""
    entry = TensorSpec(name="x", shape=(None, *shape), dtype="float32")
    frozen = freeze.freeze(call, entry)
    built = folder / "built"
    built.mkdir(parents=True)
    if hasattr(exporter, "export_function"):
        return Path(exporter.export_function(frozen, built))
    saved = freeze.write(frozen, entry, TensorSpec(name="y", shape=(), dtype="float32"), folder / "saved_model")
    variant = exporter.variants(Quantization(), "saved_model")[0]
    none = np.zeros((0, *shape), np.float32)
    return exporter.export(Source(kind="saved_model", path=saved), Quantization(), variant, none, built)
