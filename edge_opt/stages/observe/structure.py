"""The description of a model, and what its channels do → what is to be known of its architecture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from edge_opt.types import Activity, Layer, Model, Structure

# Kinds are the words of the frameworks: those of Keras layers, of TensorFlow, ONNX and TFLite operators.
_SCALING = {"Rescaling", "Normalization", "Mul", "Sub", "Div", "MUL", "SUB", "DIV", "RealDiv"}
_NEUTRAL = {"Reshape", "ZeroPadding2D", "Resizing", "Permute", "Dropout", "Cast"}  # that leave values as they are


def of_structure(model: Model, activity: Sequence[Activity], looked_inside: bool) -> Structure:
    """What is to be known of ``model``; ``activity`` counts only where somebody ``looked_inside``."""
    largest = max(model.layers, key=lambda layer: layer.parameters, default=Layer(name="", kind="", parameters=0))
    return Structure(
        parameters=model.parameters,
        macs=model.macs,
        largest_layer=largest.name,
        largest_kind=largest.kind,
        largest_share=largest.parameters / model.parameters if model.parameters else 0.0,
        convolutions=sum("conv" in layer.kind.lower() for layer in model.layers),
        normalisations=sum(_normalises(layer.kind) for layer in model.layers),
        activity=tuple(activity),
        looked_inside=looked_inside,
    )


def normalises_first(model: Model) -> bool:
    """Whether the model scales its inputs itself, before anything is computed from them.

    It does where the first layer that does something is a scaling or a batch normalisation. Of ONNX and TFLite only
    operators with constants are listed, and a batch normalisation that was folded into a convolution is not among them:
    True is sure, False is not.
    """
    skipped = len(list(takewhile(lambda layer: layer.kind in _NEUTRAL and not layer.parameters, model.layers)))
    first = model.layers[skipped] if skipped < len(model.layers) else None
    return first is not None and (first.kind in _SCALING or _normalises(first.kind))


def _normalises(kind: str) -> bool:
    """Whether layers of that kind normalise what flows through; ``Normalization`` scales inputs by fixed numbers."""
    lower = kind.lower()
    return kind != "Normalization" and ("normalization" in lower or "batchnorm" in lower)
