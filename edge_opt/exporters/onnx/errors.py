"""Which layers quantization disturbs: each is quantized alone, and what the whole model answers is compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_opt.exporters.onnx.calibrate import Batch, outputs
from edge_opt.exporters.onnx.static import Static, layers
from edge_opt.nets.disturbance import share
from edge_opt.types import LayerError

_SAMPLES, _FEWER = 64, 16  # that are compared; fewer where there are many layers
_MANY = 30


def layer_errors(model: Static, float32: Path, batches: Sequence[Batch], out: Path) -> tuple[LayerError, ...]:
    """The power of the noise that each layer alone puts into the answers, as a share of theirs; the worst first.

    Measured by :func:`edge_opt.nets.disturbance.share`. The answers are those before the softmax, which hides how near
    a class was to another.
    """
    names = layers(model.graph)
    few = batches[:: max(1, len(batches) // (_SAMPLES if len(names) <= _MANY else _FEWER))]
    scores = _scores(model.graph)
    expected = outputs(float32, few, scores)
    found = []
    for name in names:
        path = out / "layer.onnx"
        model.write(path, only=[name])
        found.append(LayerError(name=name, error=share(list(outputs(path, few, scores)), list(expected))))
    return tuple(sorted(found, key=lambda one: -one.error))


def _scores(graph: Any) -> str:
    """The tensor that the scores are read from: what a softmax at the end is given, else the output."""
    (port,) = graph.output
    last = next(node for node in graph.node if port.name in node.output)
    return str(last.input[0] if last.op_type == "Softmax" else port.name)
