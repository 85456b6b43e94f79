"""Which layers of an OpenVINO model suffer most from static quantization."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.exporters.openvino import graph
from edge_opt.nets.disturbance import share
from edge_opt.types import LayerError

_SAMPLES = 32
# each layer is a model to compile: of large ones, the answers to fewer samples tell enough
_LAYERS, _SAMPLES_OF_MANY = 30, 12
# They pass numbers on, or choose among them, so a range holds behind them as it does before.
_PASSING = {
    *("MaxPool", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Pad", "Concat", "StridedSlice", "Slice", "Split"),
    *("VariadicSplit", "Relu", "Convert", "Interpolate", "ShuffleChannels", "DepthToSpace", "SpaceToDepth"),
}

_Answers = NDArray[np.float64]


def layer_errors(whole: Any, quantized: Any, batches: Sequence[NDArray[np.float32]]) -> tuple[LayerError, ...]:
    """The noise that each layer, quantized alone, puts into the model's answers, as a share of theirs; worst first.

    The ranges and weights are those of the model that NNCF has quantized ``whole`` to. Measured by
    :func:`edge_opt.nets.disturbance.share` before a final softmax, which would hide it.
    """
    names = list(graph.layers(whole))
    done = {node.get_friendly_name(): node for node in quantized.get_ordered_ops()}
    names = [name for name in names if _range(done[name]) is not None]
    batches = batches[: _SAMPLES if len(names) <= _LAYERS else _SAMPLES_OF_MANY]
    expected = _answers(whole.clone(), batches)
    found = []
    for name in names:
        answers = _answers(_alone(whole, done[name]), batches)
        found.append(LayerError(name=name, error=share(answers, expected)))
    return tuple(sorted(found, key=lambda one: -one.error))


def _alone(whole: Any, quantized: Any) -> Any:
    """A copy of the float model in which only this layer has the quantized one's weights and range of inputs."""
    ops = graph.quiet("openvino", "exporting to OpenVINO").opset13
    model = whole.clone()
    layer = graph.layers(model)[quantized.get_friendly_name()]
    place = graph.weight_place(layer)
    assert place is not None
    weights = ops.constant(_evaluated(quantized.input_value(place)))
    layer.input(place).replace_source_output(weights.output(0))
    fake = _range(quantized)
    bounds = [ops.constant(_evaluated(fake.input_value(which))) for which in range(1, 5)]
    given = ops.fake_quantize(layer.input_value(1 - place), *bounds, fake.get_attributes()["levels"])
    layer.input(1 - place).replace_source_output(given.output(0))
    return model


def _range(quantized: Any) -> Any:
    """The node that quantizes what goes into a layer, which may stand before nodes that pass numbers on."""
    place = graph.weight_place(quantized)
    node = None if place is None else quantized.input_value(1 - place).get_node()
    while node is not None and node.get_type_name() in _PASSING:
        node = node.input_value(0).get_node()
    return node if node is not None and node.get_type_name() == "FakeQuantize" else None


def _evaluated(value: Any) -> NDArray[Any]:
    """What a part of a graph without inputs comes to."""
    openvino = graph.quiet("openvino", "exporting to OpenVINO")
    node = value.get_node()
    if node.get_type_name() == "Constant":
        return np.array(node.get_data(), np.float32)
    compiled = _compiled(openvino.Model([value], []))
    return np.array(compiled([])[0], np.float32)


def _answers(model: Any, batches: Sequence[NDArray[np.float32]]) -> list[_Answers]:
    """What the model answers to each batch, before its softmax."""
    openvino = graph.quiet("openvino", "exporting to OpenVINO")
    last = model.outputs[0].get_node().input_value(0)
    if last.get_node().get_type_name() == "Softmax":
        last = last.get_node().input_value(0)
    run: Callable[[Any], Any] = _compiled(openvino.Model([last], model.get_parameters()))
    return [np.array(run([batch])[0], np.float64).ravel() for batch in batches]


def _compiled(model: Any) -> Any:
    openvino = graph.quiet("openvino", "exporting to OpenVINO")
    # the same kernels as in float: it is the numbers that count here, and OpenVINO's integers would add roundings
    settings = {"INFERENCE_PRECISION_HINT": "f32", "SNIPPETS_MODE": "DISABLE"}
    return openvino.Core().compile_model(model, "CPU", settings)
