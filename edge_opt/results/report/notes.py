"""English sentences for the Markdown of a bundle: marks made harmless, and the preprocessing in words."""

from __future__ import annotations

import re

from edge_opt import units
from edge_opt.inputs import preprocess
from edge_opt.results.report import words
from edge_opt.types import ArrayPreprocessing, Contract


def escape(text: str) -> str:
    """``text`` on one line, with what Markdown would take for markup made harmless."""
    return re.sub(r"([\\|<>*`\[\]])", r"\\\1", words.one_line(text))


def ended(text: str) -> str:
    """``text`` with a full stop where it has none."""
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def sentence(*parts: str) -> str:
    """The parts as sentences of one paragraph."""
    return " ".join(ended(part[:1].upper() + part[1:]) for part in parts if part)


def preprocessing(contract: Contract) -> str:
    """The contract in words: ``gray, 28 x 28 pixels (bilinear, no crop), pixel * 0.0039 + 0, float32 NHWC``."""
    if isinstance(contract, ArrayPreprocessing):
        return escape(f"{preprocess.describe(contract)}, {contract.dtype}")
    crop = "cropped to the centre" if contract.crop == "center" else "no crop"
    scale, offset = (
        ", ".join(units.format_number(value) for value in values) for values in (contract.scale, contract.offset)
    )
    sums = (
        f"pixel * ({scale}) + ({offset})"
        if len(contract.scale) + len(contract.offset) > 2
        else f"pixel * {scale} + {offset}"
    )
    pixels = f"{contract.height} x {contract.width} pixels ({contract.resize}, {crop})"
    return f"{contract.color}, {pixels}, {escape(sums)}, {contract.dtype} {contract.layout}"
