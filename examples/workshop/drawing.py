"""Samples drawn from the embedded pictures, and what can be done to them before they become a prepared case."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).resolve().parents[2] / "calibration_data" / "fashion_mnist.npz"
SPLITS = ("train", "validation", "test")
ARRAYS = {"train": "train", "validation": "val", "test": "test"}

Pictures = NDArray[np.uint8]
Labels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One split: pictures ``(n, 28, 28)`` and their labels."""

    x: Pictures
    y: Labels

    def __len__(self) -> int:
        return len(self.y)


Parts = dict[str, Part]


def classes(path: Path = DATA) -> list[str]:
    """The names of the ten classes, in the order of the labels."""
    with np.load(path, allow_pickle=False) as arrays:
        return [str(name) for name in arrays["classes"]]


def draw(seed: int, train: int | Sequence[int], validation: int | Sequence[int], test: int | Sequence[int]) -> Parts:
    """So many pictures of each class in each split, drawn without replacement and shuffled; one number is for all."""
    rng = np.random.default_rng(seed)
    parts: Parts = {}
    with np.load(DATA, allow_pickle=False) as arrays:
        for split, wanted in zip(SPLITS, (train, validation, test), strict=True):
            x, y = arrays[f"x_{ARRAYS[split]}"], arrays[f"y_{ARRAYS[split]}"]
            counts = [wanted] * 10 if isinstance(wanted, int) else wanted
            drawn = [rng.choice(np.flatnonzero(y == label), count, replace=False) for label, count in enumerate(counts)]
            order = rng.permutation(np.concatenate(drawn))
            parts[split] = Part(x=x[order], y=y[order])
    return parts


def some(seed: int, samples: int, share: float) -> NDArray[np.int64]:
    """Which of ``samples`` are touched: a random ``share`` of them."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(samples, round(share * samples), replace=False))


def touched(part: Part, which: NDArray[np.int64], changed: Pictures) -> Part:
    """``part`` with ``changed`` in the place of the pictures at ``which``."""
    x = part.x.copy()
    x[which] = changed
    return replace(part, x=x)


def darker(pictures: Pictures, factor: float) -> Pictures:
    """Every pixel times ``factor``: an exposure that was too short."""
    return np.clip(pictures * factor, 0, 255).round().astype(np.uint8)


def blurred(pictures: Pictures, sigma: float) -> Pictures:
    """A Gaussian blur of ``sigma`` pixels: a lens out of focus."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(pictures.astype(np.float32), (0, sigma, sigma)).round().astype(np.uint8)


def saved_again(pictures: Pictures, quality: int) -> Pictures:
    """Every picture written as JPEG and read again: the same picture, with other pixels."""
    from PIL import Image

    def one(pixels: Pictures) -> Pictures:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file).convert("L"))

    return np.stack([one(pixels) for pixels in pictures])


def mislabelled(part: Part, which: NDArray[np.int64], seed: int) -> Part:
    """``part`` with another label, drawn from the nine wrong ones, at ``which``."""
    rng = np.random.default_rng(seed)
    y = part.y.copy()
    y[which] = (y[which] + rng.integers(1, 10, len(which))) % 10
    return replace(part, y=y)
