"""Ten samples as the model will see them, on one sheet to look at before any number is believed.

Samples that are no pictures are drawn as curves over their first axis, one for each place of the last; where those are
too many to be told apart, as a map of bright and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_opt.errors import MissingPackage
from edge_opt.inputs.dataset import Samples
from edge_opt.inputs.preprocess import apply, describe
from edge_opt.types import ArrayPreprocessing, Contract, Preprocessing

PICTURES = 10
_COLUMNS = 5
_CELL = 176  # pixels, of one picture on the sheet
_GAP, _CAPTION, _HEADER = 16, 28, 72
_PAPER, _INK, _FAINT = (250, 250, 248), (30, 30, 30), (110, 110, 110)
# of the colours that Okabe and Ito chose for the colour-blind
_CURVES = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (0, 0, 0))
_MOST_CURVES = 12


def sheet(contract: Contract, samples: Samples, classes: Sequence[str], out: Path) -> Path:
    """Write a PNG of up to ten of ``samples``, of as many classes as there are, and return it.

    Shown is what the contract makes of them. Of pictures, cropped, resized and cast, the range from lowest to highest
    value is black to white, and blue and red are put back for ``bgr``. Without ``classes``, each has its own name.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as fault:
        raise MissingPackage.of("pillow", "images", "the preview") from fault
    chosen = _spread(samples.labels)
    rows = -(-len(chosen) // _COLUMNS)
    width = _GAP + _COLUMNS * (_CELL + _GAP)
    page = Image.new("RGB", (width, _HEADER + rows * (_CELL + _CAPTION + _GAP)), _PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((_GAP, 12), "As the model will see them", fill=_INK, font=ImageFont.load_default(20))
    draw.text((_GAP, 38), describe(contract), fill=_FAINT, font=ImageFont.load_default(14))
    font = ImageFont.load_default(14)
    seen = [apply(contract, samples.image(i)) for i in chosen]
    span = min(float(one.min()) for one in seen), max(float(one.max()) for one in seen)
    for place, i in enumerate(chosen):
        x = _GAP + place % _COLUMNS * (_CELL + _GAP)
        y = _HEADER + place // _COLUMNS * (_CELL + _CAPTION + _GAP)
        picture = Image.fromarray(_drawn(contract, seen[place], span))
        factor = _CELL / max(picture.size)
        size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
        # small pictures keep their pixels visible, large ones are only shrunk to fit
        method = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.LANCZOS
        page.paste(picture.resize(size, method), (x + (_CELL - size[0]) // 2, y + (_CELL - size[1]) // 2))
        caption = classes[int(samples.labels[i])] if classes else samples.name(i)
        while len(caption) > 1 and draw.textlength(caption, font) > _CELL:
            caption = caption[:-2] + "…"
        draw.text((x, y + _CELL + 6), caption, fill=_INK, font=font)
    page.save(out, format="PNG")
    return out


def _drawn(contract: Contract, values: NDArray[Any], span: tuple[float, float]) -> NDArray[np.uint8]:
    """``(h, w, 3)`` of one prepared sample."""
    return _plotted(values, span) if isinstance(contract, ArrayPreprocessing) else _visible(contract, values)


def _plotted(values: NDArray[Any], span: tuple[float, float]) -> NDArray[np.uint8]:
    """``(h, w, 3)`` of one sample of any shape, the same ``span`` of values from bottom to top for all of them."""
    table = values.reshape(len(values), -1) if values.ndim > 1 else values[:, None]
    share = (table - span[0]) / max(span[1] - span[0], 1e-12)
    if table.shape[1] > _MOST_CURVES:
        return np.repeat((share.T[::-1, :, None] * 255 + 0.5).astype(np.uint8), 3, axis=-1)
    from PIL import Image, ImageDraw

    page = Image.new("RGB", (_CELL, _CELL), (255, 255, 255))
    draw = ImageDraw.Draw(page)
    steps = np.linspace(2, _CELL - 3, len(table))
    for column in range(table.shape[1]):
        heights = (_CELL - 3) - share[:, column] * (_CELL - 5)
        points = list(zip(steps.tolist(), heights.tolist(), strict=True))
        draw.line([*points, *points[-1:]], fill=_CURVES[column % len(_CURVES)], width=1)
    return np.asarray(page)


def _spread(labels: NDArray[np.int64]) -> list[int]:
    """Up to ten indices, in order: one of every class first, then another one of each, ….."""
    turns: dict[int, int] = {}
    ranked = []
    for i, label in enumerate(labels.tolist()):
        turns[label] = turns.get(label, -1) + 1
        ranked.append((turns[label], label, i))
    return [i for _, _, i in sorted(sorted(ranked)[:PICTURES], key=lambda each: (each[1], each[2]))]


def _visible(contract: Preprocessing, values: NDArray[Any]) -> NDArray[np.uint8]:
    """``(h, w, 3)`` in 0..255 of one prepared picture, whatever its layout and range."""
    if contract.layout == "NCHW":
        values = np.moveaxis(values, 0, -1)
    if contract.layout == "NHW":
        values = values[..., None]
    ends = np.stack([np.asarray(contract.offset), 255 * np.asarray(contract.scale) + np.asarray(contract.offset)])
    if contract.dtype == "uint8":
        ends = np.clip(ends, 0, 255)
    low, high = ends.min(axis=0), ends.max(axis=0)
    shown = np.clip((values - low) / np.maximum(high - low, 1e-12) * 255 + 0.5, 0, 255).astype(np.uint8)
    if contract.color == "bgr":
        shown = shown[..., ::-1]
    return np.ascontiguousarray(np.repeat(shown, 3, axis=-1) if shown.shape[-1] == 1 else shown)
