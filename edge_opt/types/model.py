"""The model that comes in, and the contract between a sample and the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Framework = Literal["keras", "tf_keras", "saved_model", "onnx", "tflite"]
SourceKind = Literal["saved_model", "onnx", "tflite"]


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """One input or output. ``None`` in ``shape`` is a free dimension; scale and zero point are set when quantized."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    layout: str = ""  # "NHWC", "NCHW" or "" when it is no picture
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a model: its name, its kind (the framework's word), its parameters and its output shape."""

    name: str
    kind: str
    parameters: int
    output_shape: tuple[int | None, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained model as it was given: ``macs`` are multiply-accumulates of one inference at batch 1."""

    path: Path
    framework: Framework
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    layers: tuple[Layer, ...]
    parameters: int
    macs: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """The float model that every export starts from, batch 1, float32 in and out: a SavedModel folder, or one file."""

    kind: SourceKind
    path: Path


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The contract between a picture and the model: what is done to 0..255 pixels before the model sees them.

    In this order: colour, crop and resize to ``(height, width)``, then ``pixel * scale[c] + offset[c]`` per channel
    (one entry, or one per channel), cast to ``dtype``, and moved to ``layout``.
    """

    color: Literal["rgb", "bgr", "gray"]
    height: int
    width: int
    resize: Literal["nearest", "bilinear", "bicubic", "area"] = "bilinear"
    crop: Literal["none", "center"] = "none"
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    dtype: Literal["float32", "uint8"] = "float32"
    layout: Literal["NHWC", "NCHW", "NHW"] = "NHWC"


@dataclass(frozen=True, kw_only=True)
class ArrayPreprocessing:
    """The same for samples that are no pictures, as sensor readings: ``value * scale + offset``, in ``shape``.

    ``shape`` is that of one sample as the model takes it, without the batch; scale and offset have one entry, or one
    for each place of the last axis.
    """

    shape: tuple[int, ...]
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    dtype: Literal["float32"] = "float32"


Contract = Preprocessing | ArrayPreprocessing
