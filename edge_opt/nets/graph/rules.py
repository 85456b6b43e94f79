"""What each of Keras' layers and operations does with channels; one that is not named here mixes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge_opt.nets.graph import mixing, passing
from edge_opt.nets.graph.flat import Call
from edge_opt.nets.graph.walk import Walk

Rule = Callable[[Walk, Call], None]
_RANKS = (1, 2, 3)

_PASSING = """Activation ReLU LeakyReLU ELU ThresholdedReLU Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D
    GaussianNoise GaussianDropout AlphaDropout ActivityRegularization Identity Rescaling""".split()  # noqa: SIM905
# operations of keras.ops
_VALUE_BY_VALUE = """Relu Relu6 Sigmoid Softplus Softsign Silu LogSigmoid LeakyRelu HardSigmoid HardSilu Elu Selu Gelu
    Celu HardTanh HardShrink SoftShrink TanhShrink Threshold SparseSigmoid SparsePlus Squareplus Tanh Absolute Abs
    Negative Square Sqrt Rsqrt Exp Log Log1p Expm1 Clip Cast StopGradient Sign Erf Reciprocal""".split()  # noqa: SIM905
# of layers and operations alike
_MERGING = "Add Subtract Multiply Maximum Minimum Average Divide TrueDivide Power".split()  # noqa: SIM905
_SPATIAL = ("ZeroPadding", "Cropping", "UpSampling", "MaxPooling", "AveragePooling")

RULES: Mapping[str, Rule] = {
    **dict.fromkeys((*_PASSING, *_VALUE_BY_VALUE), passing.passing),
    **dict.fromkeys(("Softmax", "LogSoftmax", "LayerNormalization"), passing.staying),
    **dict.fromkeys([f"{name}{rank}D" for name in _SPATIAL for rank in _RANKS], passing.spatial),
    "Resizing": passing.spatial,
    **{f"Global{name}Pooling{rank}D": passing.pooled for name in ("Average", "Max") for rank in _RANKS},
    **dict.fromkeys(("Mean", "Max", "Min", "Sum"), passing.reduced),
    **dict.fromkeys(_MERGING, passing.merging),
    "Concatenate": passing.concatenate,
    "Flatten": passing.flatten,
    "Reshape": passing.reshape,
    "Permute": passing.permute,
    "Transpose": passing.permute,
    "BatchNormalization": mixing.normalised,
    "LayerScale": mixing.scaled,
    "PReLU": mixing.prelu,
    "Dense": mixing.dense,
    **{f"Conv{rank}D": mixing.convolution for rank in _RANKS},
    **{f"Conv{rank}DTranspose": mixing.transposed for rank in _RANKS},
    **{f"DepthwiseConv{rank}D": mixing.depthwise for rank in (1, 2)},
    **{f"SeparableConv{rank}D": mixing.separable for rank in (1, 2)},
}


def follow(walk: Walk, call: Call) -> None:
    """Say what the outputs of ``call`` hold, and write down what it has to do with channels."""
    RULES.get(call.kind, Walk.unknown)(walk, call)
