"""Le rapport en français : the report in French, its words, its numbers and its typography.

Source: Imprimerie nationale, *Lexique des règles typographiques*, for the spaces before the double signs of punctuation
and inside the quotation marks; decimals take a comma, thousands a thin space.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NARROW, NO_BREAK = "\u202f", "\u00a0"

VOCABULARY: Mapping[str, str] = {
    "train": "entraînement",
    "validation": "validation",
    "test": "test",
    "training": "entraînement",
    "selection": "sélection",
    "certification": "test",
    "problem": "problème",
    "warning": "avertissement",
    "hint": "conseil",
    "rotation": "rotation",
    "translation": "translation",
    "zoom": "zoom",
    "brightness": "luminosité",
    "contrast": "contraste",
    "blur": "flou",
    "noise": "bruit",
    "jpeg": "compression JPEG",
    "sharpness": "netteté",
    "deviation": "dispersion des valeurs",
    "mean": "moyenne des valeurs",
    "overconfident": "trop sûr de ses réponses",
    "underconfident": "pas assez sûr de ses réponses",
    "unsteady": "trop sûr de certaines réponses et pas assez d'autres",
}

_BYTES = {"B": "o", "KiB": "Kio", "MiB": "Mio", "GiB": "Gio", "TiB": "Tio"}


def localised(number: str) -> str:
    """``947.87 KiB`` → ``947,87 Kio``, ``241,546`` → ``241 546``, ``86.47%`` → ``86,47 %``, the spaces not breaking."""
    text = re.sub(r"(?<=\d),(?=\d{3})", NARROW, number)
    text = re.sub(r"(?<=\d)\.(?=\d)", ",", text)
    text = re.sub(r"(?<=\d)%", f"{NARROW}%", text)
    text = re.sub(r"(?<=\d)e([+-]\d+)", lambda power: f" × 10{_raised(int(power.group(1)))}", text)
    text = re.sub(r"(?<![\d\w.,-])-(?=\d)", "\u2212", text)
    text = re.sub(r"\b([KMGT]i)?B\b", lambda unit: _BYTES[unit.group()], text)
    return text.replace(" ", NO_BREAK)


def _raised(power: int) -> str:
    """The whole number as an exponent: ``⁻⁶``."""
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def typeset(text: str) -> str:
    """The text with the apostrophe and the spaces of French printing: none may begin or end a line with a sign."""
    text = text.replace("'", "’")
    text = re.sub(r" (?=[;!?%×])", NARROW, text)
    text = re.sub(r" (?=[:»])", NO_BREAK, text)
    return re.sub(r"(?<=«) ", NO_BREAK, text)
