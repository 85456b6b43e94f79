"""What is likely done to pictures for a model of that input: to be tried on labelled samples, never taken silently."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge_opt.errors import DataError
from edge_opt.inputs.dataset.samples import Samples
from edge_opt.inputs.preprocess import array
from edge_opt.inputs.preprocess.picture import shape
from edge_opt.types import ArrayPreprocessing, Contract, Preprocessing, TensorSpec
from edge_opt.units import format_number

Layout = Literal["NHWC", "NCHW", "NHW"]
Color = Literal["rgb", "bgr", "gray"]

_LOOKED_AT = 64  # samples, to see whether their sizes and colours differ


@dataclass(frozen=True)
class _Convention:
    """A way to scale pixels that is in use; ``colors`` are those it is in use with."""

    name: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    colors: tuple[Color, ...] = ("gray", "rgb", "bgr")


_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet, as torchvision states them
_AS_IT_IS = _Convention("pixel as it is", (1.0,), (0.0,))
_CONVENTIONS = (
    _Convention("pixel / 255", (1 / 255,), (0.0,)),
    _AS_IT_IS,
    _Convention("pixel / 127.5 - 1", (1 / 127.5,), (-1.0,)),
    _Convention("(pixel - 127) / 128", (1 / 128,), (-127 / 128,)),
    _Convention(
        "(pixel / 255 - ImageNet's mean) / deviation",
        tuple(1 / (255 * deviation) for deviation in _STD),
        tuple(-mean / deviation for mean, deviation in zip(_MEAN, _STD, strict=True)),
        ("rgb",),
    ),
    _Convention("pixel - ImageNet's mean (Caffe)", (1.0,), (-103.939, -116.779, -123.68), ("bgr",)),
)


def likely(spec: TensorSpec, samples: Samples) -> tuple[Preprocessing, ...]:
    """The contracts for pictures worth trying for a model with the input ``spec``, the most common first.

    Both colour orders where there is colour, and both stretching and cropping where the aspects differ. Raises
    DataError where the input is not a picture.
    """
    layout, height, width, channels = _geometry(spec, samples)
    looked = [samples.image(i) for i in _spread(samples)]
    colored = any(image.shape[-1] == 3 for image in looked)
    aspects_differ = any(image.shape[0] * width != image.shape[1] * height for image in looked)
    crops: tuple[Literal["none", "center"], ...] = ("none", "center") if aspects_differ else ("none",)
    # an input with a scale takes the floats of the training, quantized by the worker; one without takes pixels
    whole = spec.dtype == "uint8" and spec.scale is None
    return tuple(
        Preprocessing(
            color=color,
            height=height,
            width=width,
            crop=crop,
            scale=convention.scale,
            offset=convention.offset,
            dtype="uint8" if whole else "float32",
            layout=layout,
        )
        for crop in crops
        for color, convention in _ways(channels, colored)
        if not whole or convention is _AS_IT_IS
    )


def check(contract: Contract, spec: TensorSpec, path: Path | None = None) -> None:
    """Nothing; raises DataError where ``contract`` makes samples of another shape than the input ``spec`` takes.

    ``path`` is the file that holds the contract.
    """
    if isinstance(contract, ArrayPreprocessing):
        array.check(contract, spec, path)
        return
    made, taken = shape(contract), spec.shape[1:]
    if len(made) != len(taken) or any(want not in (None, have) for have, want in zip(made, taken, strict=True)):
        wanted = " x ".join("any" if size is None else str(size) for size in taken)
        raise array.misfit(f"pictures of {' x '.join(map(str, made))}", wanted, path)


def describe(contract: Contract) -> str:
    """The contract in a few words: ``rgb 224 x 224, centre crop, pixel / 255``."""
    if isinstance(contract, ArrayPreprocessing):
        return array.describe(contract)
    parts = [f"{contract.color} {contract.width} x {contract.height}"]
    parts += ["centre crop"] if contract.crop == "center" else []
    for convention in _CONVENTIONS:
        if (contract.scale, contract.offset) == (convention.scale, convention.offset):
            return ", ".join([*parts, convention.name])
    scale, offset = (", ".join(format_number(number) for number in each) for each in (contract.scale, contract.offset))
    return ", ".join([*parts, f"pixel * ({scale}) + ({offset})"])


def _spread(samples: Samples) -> range:
    return range(0, len(samples), max(1, len(samples) // _LOOKED_AT))


def _ways(channels: int, colored: bool) -> list[tuple[Color, _Convention]]:
    if channels == 1:
        return [("gray", convention) for convention in _CONVENTIONS if "gray" in convention.colors]
    if not colored:  # both orders come to the same
        return [("rgb" if "rgb" in convention.colors else "bgr", convention) for convention in _CONVENTIONS]
    orders: tuple[Color, ...] = ("rgb", "bgr")
    return [(color, convention) for color in orders for convention in _CONVENTIONS if color in convention.colors]


def _geometry(spec: TensorSpec, samples: Samples) -> tuple[Layout, int, int, int]:
    sizes = spec.shape[1:]
    layout: Layout = "NHWC"
    height, width, channels = sizes if len(sizes) == 3 else (*sizes, 1) if len(sizes) == 2 else (None, None, None)
    if len(sizes) == 2:
        layout = "NHW"
    elif spec.layout == "NCHW" or (not spec.layout and channels not in (1, 3) and height in (1, 3)):
        layout, (channels, height, width) = "NCHW", (height, width, channels)
    if channels not in (1, 3):
        raise DataError(
            f"the input '{spec.name}' of the shape {spec.shape} is not a picture of 1 or 3 channels",
            "models of pictures take (batch, height, width, channels)",
        )
    if height is None or width is None:
        found = {samples.image(i).shape[:2] for i in _spread(samples)}
        if len(found) > 1:
            raise DataError(
                f"the input '{spec.name}' takes any size, and the pictures have several",
                "write the size that the model was trained with into the contract ('edge-opt init' makes one)",
            )
        own = next(iter(found))
        height, width = height or own[0], width or own[1]
    return layout, height, width, channels
