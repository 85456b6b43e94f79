"""Looks at pictures → those that are of little use to learn from: dark, overexposed, blurred, flat or odd-sized.

All is judged beside the other pictures of the set, so that a black background, a white one, or a soft lens of every
picture is no fault. A picture has one fault at most, beside an odd size: what is dark is not also blurred.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_opt.stages.observe.looks import Looks
from edge_opt.types import PictureFaults

DARK = 60.0  # of 255: the brightest percent of the pixels is below, and below a quarter of what is usual
BRIGHT = 195.0  # the darkest percent of the pixels is above, and 100 above what is usual
BURNT = 0.5  # of the pixels are at the top of the range, where a tenth is not usual
FLAT = 8.0  # between the darkest and the brightest percent of the pixels
BLURRED = 5.0  # times less sharp than the usual picture of its class
ODD_ASPECT = 2.0  # times wider or higher than usual
ODD_SIDE = 4.0  # times smaller than usual
_FEW = 20  # pictures of a class, under which all pictures say what is usual

Flags = NDArray[np.bool_]


def of_pictures(looks: Sequence[Looks], labelled: bool) -> PictureFaults:
    """The faults of the pictures of all splits."""
    seen = {name: np.concatenate([each.features[name] for each in looks]) for name in looks[0].features}
    sizes = np.concatenate([each.sizes for each in looks])
    labels = np.concatenate([each.samples.labels for each in looks])
    names = [each.samples.name for each in looks for _ in range(len(each))]
    places = [i for each in looks for i in range(len(each))]
    found = faults(seen, sizes, labels if labelled else np.zeros_like(labels))
    return PictureFaults(
        looked_at=len(labels),
        **{kind: int(flags.sum()) for kind, flags in found.items()},
        examples={
            kind: tuple(names[i](places[i]) for i in np.flatnonzero(flags)[:5])
            for kind, flags in found.items()
            if flags.any()
        },
    )


def faults(
    seen: dict[str, NDArray[np.float32]], sizes: NDArray[np.int64], labels: NDArray[np.int64]
) -> dict[str, Flags]:
    """Which pictures have which fault, from their properties and their sizes as stored."""
    darkest, brightest, burnt = seen["darkest"], seen["brightest"], seen["burnt"]
    dark = brightest < min(DARK, float(np.median(brightest)) / 4)
    washed = (darkest > BRIGHT) & (darkest > float(np.median(darkest)) + 100)
    bright = washed | ((burnt > BURNT) & (float(np.median(burnt)) < 0.1) & (darkest > float(np.median(darkest))))
    flat = (brightest - darkest < FLAT) & ~dark & ~bright
    blurred = (seen["sharpness"] * BLURRED < _usual(seen["sharpness"], labels)) & ~(dark | bright | flat)
    return {"dark": dark, "bright": bright, "blurred": blurred, "flat": flat, "odd_sized": odd_sized(sizes)}


def odd_sized(sizes: NDArray[np.int64]) -> Flags:
    """Which of the sizes ``(n, 2)`` are far from the usual aspect, or far smaller than usual."""
    aspects = sizes[:, 1] / sizes[:, 0]
    ratio = aspects / np.median(aspects)
    sides = sizes.min(axis=1)
    return np.asarray((np.maximum(ratio, 1 / ratio) > ODD_ASPECT) | (sides * ODD_SIDE < np.median(sides)))


def _usual(values: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The median of the values of each sample's class, or of all where the class has few."""
    usual = np.full(len(values), float(np.median(values)))
    for label in np.unique(labels):
        own = labels == label
        if own.sum() >= _FEW:
            usual[own] = float(np.median(values[own]))
    return usual
