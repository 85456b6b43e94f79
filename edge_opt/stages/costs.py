"""The layers of a network as files of their own → what each takes on the device, so that their sum is the network.

Alone, a layer's time holds what every inference takes and the copying of all that it reads and writes. Both are
measured in the same job, by files that do nothing else, and taken off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_opt import registry
from edge_opt.nets.clock import EMPTY
from edge_opt.nets.single_layers import SingleLayer, SingleLayers
from edge_opt.types import Entry, LayerCost, OperatorCosts

_PER_JOB = 64  # files that are open in one process


@dataclass(frozen=True)
class _Overhead:
    """What an inference takes that computes nothing, and each value that goes in or out."""

    empty_ns: float
    value_ns: float


def measure(
    singles: SingleLayers, runtime: str, options: Mapping[str, str], device: registry.Device, threads: int, seed: int
) -> OperatorCosts:
    """The cost of every layer of ``singles``, and under the name ``""`` what an inference takes besides them.

    Those without a file are priced like the one of their kind that is nearest in size. Raises StepFailed where one of
    the files cannot be run.
    """
    paths = [point.path for layer in singles.layers for point in layer.points if point.path]
    found: dict[Path, float] = {}
    empty: list[float] = []
    version = ""
    for start in range(0, max(1, len(paths)), _PER_JOB):
        part = paths[start : start + _PER_JOB]
        times, version = _times(
            [singles.empty, singles.copying, *part], runtime, options, device, threads, seed + start
        )
        overhead = _Overhead(times[0], max(0.0, times[1] - times[0]) / (singles.copied - 1))
        empty.append(overhead.empty_ns)
        values = {point.path: point.values for layer in singles.layers for point in layer.points}
        for path, taken in zip(part, times[2:], strict=True):
            found[path] = max(0.0, taken - overhead.empty_ns - overhead.value_ns * values[path])
    empty_ns = sum(empty) / len(empty)
    measured = {layer.names: _curve(layer, found) for layer in singles.layers if any(p.path for p in layer.points)}
    layers = [LayerCost(layer=EMPTY, points=((0.0, empty_ns), (1.0, empty_ns)))]
    for layer in singles.layers:
        points = measured.get(layer.names) or _like_another(layer, singles.layers, measured)
        layers += [LayerCost(layer=name, points=points) for name in layer.names]
    return OperatorCosts(runtime=runtime, runtime_version=version, threads=threads, layers=tuple(layers))


def _times(
    paths: Sequence[Path], runtime: str, options: Mapping[str, str], device: registry.Device, threads: int, seed: int
) -> tuple[list[float], str]:
    answer = device.run(
        {
            "protocol": 1,
            "mode": "several",
            "artifacts": [Entry(path=path, runtime=runtime, options=options).job() for path in paths],
            "threads": threads,
            "seed": seed,
        }
    )
    return [float(one["median_ns"]) for one in answer["artifacts"]], str(answer["artifacts"][0]["runtime_version"])


Points = tuple[tuple[float, float], ...]


def _curve(layer: SingleLayer, found: Mapping[Path, float]) -> Points:
    """The points of a layer that was measured; of one whose widths stay, the same whatever its work."""
    points = tuple((point.work, found[point.path] * layer.calls) for point in layer.points if point.path)
    return points if len(points) > 1 else ((0.0, points[0][1]), *points)


def _like_another(
    layer: SingleLayer, others: Sequence[SingleLayer], measured: Mapping[tuple[str, ...], Points]
) -> Points:
    """The points of the layer of its kind, or of any, that is nearest in size, stretched to its own."""
    size = layer.points[-1].work
    alike = [one for one in others if one.names in measured]
    alike = [one for one in alike if one.kind == layer.kind] or alike

    def distance(other: SingleLayer) -> float:
        return abs(math.log(max(1.0, other.points[-1].work) / max(1.0, size)))

    nearest = min(alike, key=distance)
    stretch = size / max(1.0, nearest.points[-1].work)
    return tuple((work * stretch, taken * stretch) for work, taken in measured[nearest.names])
