"""Pictures → the same pictures disturbed, as a camera or a network disturbs them: 8 kinds at 5 strengths each.

They are disturbed at the size at which the model sees them, as whole pixels, before scale and offset. What is drawn for
a sample, as the direction of a shift, depends on the seed, the kind and the place of the sample: every model sees the
same pictures, and the strengths of one kind differ in their strength only. Uncovered borders repeat the outermost
pixels, so that a black background stays black.

Source: Hendrycks and Dietterich (2019), *Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations*, for the idea, the five strengths and, as far as they go on small pictures, the parameters of brightness
(ImageNet-C), contrast (CIFAR-10-C) and noise (the first from CIFAR-10-C, the others from ImageNet-C, less the last).
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import MissingPackage
from edge_opt.inputs import preprocess
from edge_opt.inputs.dataset import Samples
from edge_opt.store import room
from edge_opt.types import Preprocessing

Pictures = NDArray[np.uint8]  # (n, h, w, c)
STRENGTHS = (1, 2, 3, 4, 5)
VERSION = 1  # rises when the same condition gives other pictures
_CHUNK_VALUES = 2**20  # disturbed at a time


@dataclass(frozen=True)
class _Draws:
    """What is drawn for the samples from the place ``first`` on."""

    seed: tuple[int, int]
    first: int

    def uniform(self, count: int) -> NDArray[np.float64]:
        """One number in 0..1 for each sample."""
        return np.random.default_rng(self.seed).random(self.first + count)[self.first :]

    def signs(self, count: int) -> NDArray[np.float64]:
        """-1 or 1 for each sample."""
        return np.where(self.uniform(count) < 0.5, -1.0, 1.0)

    def normal(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Standard normal numbers, an array of ``shape[1:]`` for each sample, from a generator of its own."""
        found = np.empty(shape, np.float32)
        for place, row in enumerate(found, self.first):
            np.random.Generator(np.random.SFC64([*self.seed, place])).standard_normal(dtype=np.float32, out=row)
        return found


@dataclass(frozen=True)
class Kind:
    """One way to disturb: the parameter of each strength, what it means, and the function that does it."""

    parameters: tuple[float, float, float, float, float]
    meaning: str
    disturb: Callable[[Pictures, float, _Draws], Pictures]


# ── what is done ───────────────────────────────────────────────────────────────────────────────────────────────────


def _rotation(pictures: Pictures, degrees: float, draws: _Draws) -> Pictures:
    turns = np.deg2rad(degrees) * draws.signs(len(pictures))
    return _mapped(pictures, [(math.cos(t), math.sin(t), -math.sin(t), math.cos(t)) for t in turns])


def _zoom(pictures: Pictures, share: float, draws: _Draws) -> Pictures:
    factors = (1 + share) ** draws.signs(len(pictures))
    return _mapped(pictures, [(1 / factor, 0.0, 0.0, 1 / factor) for factor in factors])


def _mapped(pictures: Pictures, matrices: list[tuple[float, float, float, float]]) -> Pictures:
    """Each picture seen through its linear map about the centre, bilinear: from where in it each pixel is taken."""
    image = _pillow()
    height, width = pictures.shape[1:3]
    reach = max(max(abs(a) + abs(b), abs(c) + abs(d)) for a, b, c, d in matrices)
    margin = math.ceil((reach - 1) * max(height, width) / 2) + 2
    padded = np.pad(pictures, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="edge")
    x, y = width / 2, height / 2
    found = np.empty_like(pictures)
    for row, picture, (a, b, c, d) in zip(found, padded, matrices, strict=True):
        origin = (x - a * x - b * y + margin, y - c * x - d * y + margin)
        seen = _image(picture).transform(
            (width, height),
            image.Transform.AFFINE,
            (a, b, origin[0], c, d, origin[1]),
            image.Resampling.BILINEAR,
        )
        row[...] = np.asarray(seen).reshape(row.shape)
    return found


def _translation(pictures: Pictures, share: float, draws: _Draws) -> Pictures:
    angles = 2 * np.pi * draws.uniform(len(pictures))
    count, height, width = pictures.shape[:3]
    down, right = (np.rint(share * side * part).astype(int) for side, part in _parts(height, width, angles))
    rows = np.clip(np.arange(height) - down[:, None], 0, height - 1)
    columns = np.clip(np.arange(width) - right[:, None], 0, width - 1)
    moved: Pictures = pictures[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved


def _parts(height: int, width: int, angles: NDArray[np.float64]) -> tuple[tuple[int, NDArray[np.float64]], ...]:
    return (height, np.sin(angles)), (width, np.cos(angles))


def _brightness(pictures: Pictures, share: float, draws: _Draws) -> Pictures:
    shifts = np.rint(255 * share * draws.signs(len(pictures))).astype(np.int16)
    return np.asarray(np.clip(pictures + shifts[:, None, None, None], 0, 255), np.uint8)


def _contrast(pictures: Pictures, factor: float, draws: _Draws) -> Pictures:
    means = pictures.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return _whole((pictures - means) * np.float32(factor) + means)


def _noise(pictures: Pictures, deviation: float, draws: _Draws) -> Pictures:
    return _whole(pictures + np.float32(255 * deviation) * draws.normal(pictures.shape))


def _blur(pictures: Pictures, share: float, draws: _Draws) -> Pictures:
    _pillow()
    from PIL import ImageFilter

    blurred = ImageFilter.GaussianBlur(share * min(pictures.shape[1:3]))
    found = np.empty_like(pictures)
    for row, picture in zip(found, pictures, strict=True):
        row[...] = np.asarray(_image(picture).filter(blurred)).reshape(row.shape)
    return found


def _jpeg(pictures: Pictures, quality: float, draws: _Draws) -> Pictures:
    image = _pillow()
    found = np.empty_like(pictures)
    for row, picture in zip(found, pictures, strict=True):
        file = io.BytesIO()
        _image(picture).save(file, "JPEG", quality=int(quality))
        row[...] = np.asarray(image.open(file)).reshape(row.shape)
    return found


def _whole(values: NDArray[np.float32]) -> Pictures:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _image(picture: Pictures) -> Any:
    return _pillow().fromarray(np.ascontiguousarray(picture[..., 0] if picture.shape[-1] == 1 else picture))


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as fault:
        raise MissingPackage.of("pillow", "images", "disturbing pictures") from fault
    return Image


KINDS: Mapping[str, Kind] = {
    "rotation": Kind((6, 12, 18, 24, 30), "degrees, to the left or to the right", _rotation),
    "translation": Kind((0.04, 0.08, 0.12, 0.16, 0.20), "of the side, in any direction", _translation),
    "zoom": Kind((0.1, 0.2, 0.3, 0.4, 0.5), "larger or smaller", _zoom),
    "brightness": Kind((0.1, 0.2, 0.3, 0.4, 0.5), "of the range, lighter or darker", _brightness),
    "contrast": Kind((0.75, 0.5, 0.4, 0.3, 0.15), "of the contrast left", _contrast),
    "blur": Kind((0.015, 0.025, 0.035, 0.045, 0.06), "of the shorter side: the deviation of a Gaussian", _blur),
    "noise": Kind((0.04, 0.08, 0.12, 0.18, 0.26), "of the range: the deviation of Gaussian noise", _noise),
    "jpeg": Kind((50, 30, 20, 10, 5), "the quality, 1 to 95", _jpeg),
}


# ── how it is asked for ────────────────────────────────────────────────────────────────────────────────────────────


def conditions() -> tuple[str, ...]:
    """Every kind at every strength: "rotation@1" … "jpeg@5"."""
    return tuple(f"{kind}@{strength}" for kind in KINDS for strength in STRENGTHS)


def disturbed(contract: Preprocessing, pictures: Pictures, condition: str, seed: int, first: int = 0) -> Pictures:
    """``pictures`` ``(n, h, w, c)``, as :func:`preprocess.unfinished` leaves them, under ``condition``.

    ``first`` is the place of the first of them among all samples. "clean" leaves them as they are.
    """
    if condition == "clean":
        return pictures
    kind, _, strength = condition.partition("@")
    chosen, parameter = KINDS[kind], KINDS[kind].parameters[int(strength) - 1]
    draws = _Draws((seed, tuple(KINDS).index(kind)), first)
    if contract.color == "bgr":  # only JPEG treats the channels differently
        return np.ascontiguousarray(chosen.disturb(pictures[..., ::-1], parameter, draws)[..., ::-1])
    return chosen.disturb(pictures, parameter, draws)


def sized(contract: Preprocessing, samples: Samples, out: Path, progress: preprocess.Progress | None = None) -> Path:
    """Write ``samples`` in the colours and the size of the contract to the ``.npy`` file ``out``: whole pixels.

    It is done once and serves all conditions. A file that can no longer be decoded becomes black.
    """
    return preprocess.prepare(preprocess.unfinished(contract), samples, out, progress, lambda finding: None)


def write(
    contract: Preprocessing, sized_pictures: Path, condition: str, out: Path, seed: int, places: slice | None = None
) -> Path:
    """Write what the model sees of the pictures in a file of :func:`sized` under ``condition`` to ``out``.

    ``(n, …)`` float32, as :func:`preprocess.prepare` writes it; ``places`` are those of the samples, all by default.
    """
    pictures = np.load(sized_pictures, mmap_mode="r")
    start, stop, _ = (places or slice(None)).indices(len(pictures))
    step = max(1, _CHUNK_VALUES // int(np.prod(pictures.shape[1:])))
    partial = out.with_name(out.name + ".partial")
    try:
        with room(out.parent), partial.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (stop - start, *preprocess.shape(contract))}
            np.lib.format.write_array_header_1_0(file, header)
            for first in range(start, stop, step):
                some = np.asarray(pictures[first : min(first + step, stop)]).astype(np.uint8)
                seen = preprocess.finished(contract, disturbed(contract, some, condition, seed, first))
                file.write(np.ascontiguousarray(seen, "<f4").data)
            os.replace(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    return out


def prepare(contract: Preprocessing, samples: Samples, condition: str, out: Path, seed: int) -> Path:
    """The same from the samples themselves, for one condition: the ``.npy`` file ``out``."""
    pictures = sized(contract, samples, out.with_name(f"{out.stem}-sized.npy"))
    try:
        return write(contract, pictures, condition, out, seed)
    finally:
        pictures.unlink(missing_ok=True)
