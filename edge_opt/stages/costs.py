"""The layers of a network as files of their own → what each takes on the device, so that their sum is the network.

Alone, a layer's time holds what every inference takes and the copying of all that it reads and writes. Both are
measured in the same job, by files that do nothing else, and taken off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edge_opt import registry
from edge_opt.nets.clock import EMPTY, channels_like, size_of
from edge_opt.nets.single_layers import SingleLayer, SingleLayers
from edge_opt.types import Entry, KernelSteps, LayerCost, OperatorCosts

Points = tuple[tuple[float, float], ...]
_PER_JOB = 64  # files that are open in one process


def measure(
    singles: SingleLayers, runtime: str, options: Mapping[str, str], device: registry.Device, threads: int, seed: int
) -> OperatorCosts:
    """The cost of every layer of ``singles``, and under the name ``""`` what an inference takes besides them.

    Those without a file are priced like the one of their kind that is nearest in size. Raises StepFailed where one of
    the files cannot be run.
    """
    found, empty_ns, version = _times(singles, runtime, options, device, threads, seed)
    steps = tuple(_steps(probe, found) for probe in singles.probes)
    measured = {layer.names: points for layer in singles.layers if (points := _curve(layer, found, steps))}
    layers = [LayerCost(layer=EMPTY, points=((0.0, empty_ns), (1.0, empty_ns)))]
    for layer in singles.layers:
        curve = measured.get(layer.names) or _like_another(layer, singles.layers, measured)
        layers += [LayerCost(layer=name, points=curve) for name in layer.names]
    return OperatorCosts(runtime=runtime, runtime_version=version, threads=threads, layers=tuple(layers), steps=steps)


def _times(
    singles: SingleLayers, runtime: str, options: Mapping[str, str], device: registry.Device, threads: int, seed: int
) -> tuple[Mapping[Path, float], float, str]:
    """What each file takes without overhead, in nanoseconds, that of an inference, and the runtime's version."""
    every = [(point.path, point.values) for one in (*singles.probes, *singles.layers) for point in one.points]
    written = [(path, values) for path, values in every if path]
    found: dict[Path, float] = {}
    empty: list[float] = []
    version = ""
    for start in range(0, max(1, len(written)), _PER_JOB):
        part = written[start : start + _PER_JOB]
        paths = (singles.empty, singles.copying, *(path for path, _ in part))
        answer = device.run(
            {
                "protocol": 1,
                "mode": "several",
                "artifacts": [Entry(path=path, runtime=runtime, options=options).job() for path in paths],
                "threads": threads,
                "seed": seed + start,
            }
        )
        nothing, copying, *taken = (float(one["median_ns"]) for one in answer["artifacts"])
        value_ns = max(0.0, copying - nothing) / (singles.copied - 1)
        found |= {
            path: max(0.0, one - nothing - value_ns * values) for (path, values), one in zip(part, taken, strict=True)
        }
        empty.append(nothing)
        version = str(answer["artifacts"][0]["runtime_version"])
    return found, float(np.mean(empty)), version


def _steps(probe: SingleLayer, found: Mapping[Path, float]) -> KernelSteps:
    """As how many channels each width costs, by what the widest takes."""
    taken = [(point.outputs, found[point.path]) for point in probe.points if point.path]
    widest, whole = taken[-1]
    return KernelSteps(
        kind=probe.kind, widths=tuple((width, widest * ns / whole if whole else float(width)) for width, ns in taken)
    )


def _curve(layer: SingleLayer, found: Mapping[Path, float], steps: Sequence[KernelSteps]) -> Points:
    """The points of a layer that was measured; of one at a single width, the same whatever its work."""
    like = channels_like(steps, layer.kind, max(max(point.inputs, point.outputs) for point in layer.points))
    sizes = {
        size_of(layer.kind, layer.scale, point.inputs, point.outputs, like): found[point.path] * layer.calls
        for point in layer.points
        if point.path
    }
    points = sorted(sizes.items())
    return tuple([(0.0, points[0][1]), *points] if len(points) == 1 else points)


def _like_another(
    layer: SingleLayer, others: Sequence[SingleLayer], measured: Mapping[tuple[str, ...], Points]
) -> Points:
    """The points of the layer of its kind, or of any, that is nearest in size, stretched to its own."""
    size = _plain_size(layer)
    alike = [one for one in others if one.names in measured]
    alike = [one for one in alike if one.kind == layer.kind] or alike
    nearest = min(alike, key=lambda one: abs(math.log(_plain_size(one) / size)))
    stretch = size / _plain_size(nearest)
    return tuple((work * stretch, taken * stretch) for work, taken in measured[nearest.names])


def _plain_size(layer: SingleLayer) -> float:
    widest = layer.points[-1]
    like = np.arange(max(widest.inputs, widest.outputs) + 1, dtype=np.float64)
    return max(1.0, size_of(layer.kind, layer.scale, widest.inputs, widest.outputs, like))
