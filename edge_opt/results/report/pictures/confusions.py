"""Samples that the model confuses, as pictures: what each one is, what the model takes it for, and how sure it is.

There is no word in it, so that one file serves every language.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from numpy.typing import NDArray

from edge_opt.errors import MissingPackage
from edge_opt.results.report.pictures.canvas import AFTER, INK, PAPER, SOFT, coloured, described

_SIDE, _GAP, _LINES = 112, 16, 38  # of one picture, between two, and for the two lines below it
_ACROSS = 6
_LETTERS = 16


@dataclass(frozen=True)
class Example:
    """One sample: its pixels (height, width, 1 or 3), its label, the class that was predicted, and how surely."""

    picture: NDArray[Any]
    label: str
    predicted: str
    confidence: float


def svg(examples: Sequence[Example]) -> str:
    """The examples in rows of six, as SVG. Raises MissingPackage without Pillow."""
    across = min(_ACROSS, len(examples))
    rows = -(-len(examples) // across)
    width, height = across * (_SIDE + _GAP) + _GAP, rows * (_SIDE + _LINES + _GAP) + _GAP
    cells = [
        _cell(example, _GAP + (place % across) * (_SIDE + _GAP), _GAP + (place // across) * (_SIDE + _LINES + _GAP))
        for place, example in enumerate(examples)
    ]
    body = "\n ".join(cells)
    font = 'font-family="system-ui, \'DejaVu Sans\', sans-serif" font-size="12"'
    whole = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n '
        f'<rect width="{width}" height="{height}" style="fill:{PAPER}"/>\n <g {font}>\n {body}\n </g>\n</svg>\n'
    )
    told = "; ".join(f"{one.label} → {one.predicted} ({_percent(one.confidence)})" for one in examples)
    return described(coloured(whole), "≠", told)


def _cell(example: Example, x: int, y: int) -> str:
    label, predicted = (escape(_short(name)) for name in (example.label, example.predicted))
    sure = _percent(example.confidence)
    return (
        f'<image x="{x}" y="{y}" width="{_SIDE}" height="{_SIDE}" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{_png(example.picture)}"/>'
        f'<text x="{x}" y="{y + _SIDE + 15}" style="fill:{INK}">{label}</text>'
        f'<text x="{x}" y="{y + _SIDE + 31}" style="fill:{AFTER}">→ {predicted} '
        f'<tspan style="fill:{SOFT}">{sure}</tspan></text>'
    )


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"


def _percent(confidence: float) -> str:
    return f"{100 * confidence:.0f}\u202f%"


def _png(picture: NDArray[Any]) -> str:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackage.of("pillow", "images", "a picture of samples") from error
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    image.thumbnail((2 * _SIDE, 2 * _SIDE))
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode("ascii")
