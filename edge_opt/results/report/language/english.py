"""The report in English: its phrases, and the words for what evidence names by a key."""

from __future__ import annotations

from collections.abc import Mapping

VOCABULARY: Mapping[str, str] = {
    "train": "training",
    "validation": "validation",
    "test": "test",
    "training": "training",
    "selection": "selection",
    "certification": "test",
    "problem": "problem",
    "warning": "warning",
    "hint": "hint",
    "rotation": "rotation",
    "translation": "translation",
    "zoom": "zoom",
    "brightness": "brightness",
    "contrast": "contrast",
    "blur": "blur",
    "noise": "noise",
    "jpeg": "JPEG compression",
    "sharpness": "sharpness",
    "deviation": "spread of the values",
    "mean": "mean of the values",
    "overconfident": "too sure of its answers",
    "underconfident": "not sure enough of its answers",
    "unsteady": "too sure of some answers and not sure enough of others",
}


def localised(number: str) -> str:
    """The number as it is."""
    return number


def typeset(text: str) -> str:
    """The text as it is."""
    return text
