"""What of a call its channels depend on: where they lie, how many places each has, and whether values go alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from edge_opt.nets import frameworks
from edge_opt.nets.graph.flat import Call

# of activations: each value goes its own way
_ELEMENTWISE = frozenset(
    """linear relu relu6 elu selu celu gelu sigmoid hard_sigmoid tanh hard_tanh silu swish hard_silu hard_swish softplus
    softsign exponential leaky_relu mish log_sigmoid squareplus soft_shrink hard_shrink tanh_shrink threshold
    sparse_sigmoid sparse_plus""".split()  # noqa: SIM905
)
_ACTIVATIONS = {"Activation", "ReLU", "LeakyReLU", "ELU"}
_WEIGHTS = {"kernel", "bias", "depthwise_kernel", "pointwise_kernel"}  # LoRA and quantised layers have others


def elementwise(operation: Any) -> bool:
    """Whether its activation, if it has one, is of the known ones; a layer can be one too."""
    activation = getattr(operation, "activation", None)
    if activation is None:
        return True
    if isinstance(activation, frameworks.keras().layers.Layer):
        return type(activation).__name__ in _ACTIVATIONS and elementwise(activation)
    return getattr(activation, "__module__", "").startswith("keras.") and activation.__name__ in _ELEMENTWISE


def mixing(call: Call, activation: Any = None) -> str:
    """Why nothing can leave around ``call``, or behind its ``activation``."""
    if activation is None:
        return f"{type(call.operation).__name__} mixes channels"
    return f"{getattr(activation, '__name__', type(activation).__name__)} mixes channels"


def usual(call: Call) -> bool:
    """Whether a layer has one input, and no weights but the usual ones."""
    return len(call.inputs) == 1 and {variable.name for variable in call.operation.weights} <= _WEIGHTS


def channel_axis(call: Call) -> int:
    """The axis of the channels, the batch not counted."""
    rank = len(call.inputs[0].shape) - 1
    return 0 if getattr(call.operation, "data_format", None) == "channels_first" else rank - 1


def area(shape: tuple[int | None, ...], axis: int) -> int:
    """How many values a channel has, the batch not counted."""
    return math.prod(size or 1 for place, size in enumerate(shape) if place != axis)


def single(call: Call) -> Mapping[str, Any]:
    """What builds the layer of ``call`` alone: its class and its configuration."""
    return {"class_name": type(call.operation).__name__, "config": call.operation.get_config()}


def parts(call: Call) -> tuple[Mapping[str, Any], Mapping[str, Any], tuple[int | None, ...]]:
    """A separable convolution as a depthwise one and one of 1 by 1, and the shape of what lies between."""
    layer, answer = call.operation, call.outputs[0].shape[1:]
    config = layer.get_config()
    rank = len(answer) - 1
    taken = ("strides", "padding", "data_format", "dilation_rate", "kernel_size", "depth_multiplier")
    first = {key: config[key] for key in taken if key in config} | {"use_bias": False}
    second = {"filters": layer.filters, "kernel_size": 1, "use_bias": layer.use_bias, "data_format": layer.data_format}
    between = list(answer)
    axis = 0 if layer.data_format == "channels_first" else rank
    between[axis] = (call.inputs[0].shape[1:][axis] or 0) * layer.depth_multiplier
    return (
        {"class_name": f"DepthwiseConv{rank}D", "config": first},
        {"class_name": f"Conv{rank}D", "config": second | {"activation": config["activation"]}},
        tuple(between),
    )
