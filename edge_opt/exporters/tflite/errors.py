"""Which layers of a ``.tflite`` model suffer most from static quantization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.exporters.tflite.activations import Running, computed
from edge_opt.exporters.tflite.quantizer import Quantizer
from edge_opt.nets import tflite
from edge_opt.nets.disturbance import share
from edge_opt.nets.tflite import Node
from edge_opt.types import LayerError

_SAMPLES = 32
# of more, only those are tried that disturb their own tensors most, and on fewer samples
_LAYERS, _SAMPLES_OF_MANY = 24, 12

# They pass numbers on, or choose among them: what is wrong afterwards was wrong before.
_PASSING = frozenset(
    """RESHAPE MAX_POOL_2D PAD PADV2 MIRROR_PAD TRANSPOSE SLICE STRIDED_SLICE SPLIT SPLIT_V SQUEEZE EXPAND_DIMS PACK
    UNPACK GATHER GATHER_ND SPACE_TO_DEPTH DEPTH_TO_SPACE RESIZE_NEAREST_NEIGHBOR BROADCAST_TO RELU RELU6""".split()  # noqa: SIM905
)


def without_softmax(whole: Path, out: Path) -> Path:
    """The float32 file as it is, or where it ends with a softmax, one that answers with what goes into that."""
    model, graph = tflite.load(whole), tflite.read(whole)
    last = next((place for place, node in enumerate(graph.nodes) if graph.outputs[0] in node.outputs), None)
    if last is None or graph.nodes[last].kind != "SOFTMAX":
        return whole
    (main, *_) = model.subgraphs
    main.outputs = np.asarray([graph.nodes[last].inputs[0]], np.int32)
    del main.operators[last]
    model.signatureDefs = None  # names the old output
    path = out / "before_softmax.tflite"
    path.write_bytes(tflite.packed(model))
    return path


def layer_errors(work: Quantizer, batches: Sequence[NDArray[np.float32]]) -> tuple[LayerError, ...]:
    """The noise that each layer, quantized alone, puts into the model's answers, as a share of theirs; worst first.

    Measured by :func:`edge_opt.nets.disturbance.share`, before a final softmax. It shows what a layer does to the
    result: a channel that is lost beside a thousand times larger one hardly counts among the layer's own outputs.
    """
    layers, batches = _candidates(work), batches[:_SAMPLES]
    if len(layers) > _LAYERS:
        batches = batches[:_SAMPLES_OF_MANY]
        layers = _suspects(work, layers, batches)
    whole = Running(work.whole.read_bytes())
    expected = [whole.answer(batch) for batch in batches]
    found = []
    for name, node in layers.items():
        disturbed = Running(work.alone(node))
        found.append(LayerError(name=name, error=share([disturbed.answer(batch) for batch in batches], expected)))
    return tuple(sorted(found, key=lambda one: -one.error))


def _candidates(work: Quantizer) -> dict[str, Node]:
    return {
        name: node
        for name, node in work.graph.layer_names().items()
        if node.kind not in _PASSING and work.graph.activations(node) and work.can(node)
    }


# ── large models ───────────────────────────────────────────────────────────────────────────────────────────────────


def _suspects(work: Quantizer, layers: Mapping[str, Node], batches: Sequence[NDArray[np.float32]]) -> dict[str, Node]:
    """Those of ``layers`` whose inputs and outputs lose most when they are rounded to the levels they would have."""
    places = {tensor.name: place for place, tensor in enumerate(work.graph.tensors)}
    lost: dict[int, float] = {}
    for name, values in computed(work.whole, work.graph, batches):
        place = places[name]
        lost[place] = lost.get(place, 0.0) + _rounded_away(
            values, *work.range(place), work.quantization.activation_bits
        )
    score = {
        name: max(lost.get(place, 0.0) for place in (*work.graph.activations(node), *node.outputs))
        for name, node in layers.items()
    }
    return {name: layers[name] for name in sorted(score, key=lambda name: -score[name])[:_LAYERS]}


def _rounded_away(values: NDArray[Any], low: float, high: float, bits: int) -> float:
    """The share of each channel's power that rounding takes away, the mean of all channels: 0..1."""
    step = (high - low) / (2**bits - 1)
    if not step:
        return 0.0
    rows = values.reshape(-1, values.shape[-1] if values.ndim > 2 else 1).astype(np.float64)
    noise = ((np.round(np.clip(rows, low, high) / step) * step - rows) ** 2).sum(axis=0)
    power = (rows**2).sum(axis=0)
    return float(np.mean(np.divide(noise, power, out=np.zeros_like(noise), where=power > 0).clip(0, 1)))
