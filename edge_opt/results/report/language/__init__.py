"""Texts in the language of the reader: templates filled with numbers, written as that language writes them.

A template is a format string. Its fields name facts, and after the colon how to write one: ``{gap:points}``,
``{size:bytes}``, ``{count:n picture|pictures}``. ``tests/unit/test_language.py`` holds the two languages together: the
same phrases, and in each the same facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, Literal, get_args

from edge_opt import units
from edge_opt.errors import UnknownName
from edge_opt.results.report.language import english, french
from edge_opt.results.report.language.phrases import PAIRS, vocabulary

Code = Literal["en", "fr"]


@dataclass(frozen=True)
class Language:
    """One language: its phrases and words by key, and how it writes numbers, lists and quotations."""

    code: Code
    phrases: Mapping[str, str]
    vocabulary: Mapping[str, str]
    localised: Callable[[str], str]  # a number as :mod:`edge_opt.units` writes it → as this language does
    typeset: Callable[[str], str]  # the literal parts of a template, with the spaces and signs of good printing
    quotes: tuple[str, str]
    conjunction: str
    is_one: Callable[[float], bool]  # whether a noun stands in the singular beside that number

    def phrase(self, key: str, **facts: Any) -> str:
        """The phrase of that key with its facts filled in. Raises KeyError where it is missing, or a fact is."""
        return self.fill(self.phrases[key], facts)

    def fill(self, template: str, facts: Mapping[str, Any]) -> str:
        """``template`` with its facts filled in."""
        written = []
        for literal, name, spec, _ in Formatter().parse(template):
            written.append(self.typeset(literal))
            if name is not None:
                written.append(self.write(facts[name], spec or ""))
        return "".join(written)

    def write(self, value: Any, how: str = "") -> str:
        """One fact as the reader expects it: ``how`` is what stands after the colon of its field."""
        kind, _, forms = how.partition(" ")
        if kind == "n":
            return f"{self.write(value, 'count')} {self._form(value, forms)}"
        if kind == "form":
            return self._form(value, forms)
        if kind == "pp":
            return self.phrase("points", change=self.write(value, "points2"), size=abs(100 * float(value)))
        if kind == "word":
            return self.word(str(value))
        if kind == "names":
            return self.listed(value)
        if kind in _NUMBERS:
            return self.localised(_power(_NUMBERS[kind](float(value))))
        if kind:
            raise ValueError(f"'{how}' is no way to write a fact")
        return self.localised(_power(units.format_number(value))) if isinstance(value, float) else str(value)

    def word(self, key: str) -> str:
        """What ``key`` is called: a split, a kind of disturbance, a property; itself where it has no other name."""
        return self.vocabulary.get(key, key)

    def quoted(self, name: str) -> str:
        """``name`` in the quotes of the language."""
        return f"{self.quotes[0]}{name}{self.quotes[1]}"

    def listed(self, names: Sequence[str], most: int = 4, *, quote: bool = True) -> str:
        """The first ``names``, with "and" before the last, and how many more there are."""
        shown = [self.quoted(name) if quote else name for name in names[:most]]
        if len(names) > most:
            shown.append(self.phrase("more", count=len(names) - most))
        return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {self.conjunction} {shown[-1]}"

    def after_colon(self, sentence: str) -> str:
        """``sentence`` as it stands behind a colon: in French without its capital."""
        return sentence[:1].lower() + sentence[1:] if self.code == "fr" else sentence

    def _form(self, value: float, forms: str) -> str:
        singular, _, plural = forms.partition("|")
        return self.typeset(singular if self.is_one(float(value)) else plural)


def _power(number: str) -> str:
    """``1.49e-06`` as it is printed: ``1.49 × 10⁻⁶``."""

    def raised(exponent: re.Match[str]) -> str:
        return f" × 10{str(int(exponent[1])).translate(_RAISED)}"

    return re.sub(r"e([+-]\d+)$", raised, number)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NUMBERS: Mapping[str, Callable[[float], str]] = {
    "count": units.format_count,
    "number": units.format_number,
    "percent": lambda value: units.format_percent(value, digits=1),
    "percent0": lambda value: units.format_percent(value, digits=0),
    "percent2": lambda value: units.format_percent(value, digits=2),
    "points": lambda value: f"{100 * value:.1f}",  # percent points, without their unit
    "points2": lambda value: units.format_pp(value, unit=False),
    "ratio": lambda value: units.format_ratio(value).removesuffix("x"),
    "bytes": units.format_bytes,
    "duration": units.format_duration,
    "seconds": units.format_seconds,
    "confidence": units.format_confidence,
    "p": lambda value: f"{value:.2g}" if value >= 1e-4 else "< 0.0001",
}

_LANGUAGES: Mapping[str, Language] = {
    "en": Language(
        "en",
        {key: pair[0] for key, pair in PAIRS.items()},
        {**english.VOCABULARY, **{key: pair[0] for key, pair in vocabulary.PAIRS.items()}},
        english.localised,
        english.typeset,
        ("'", "'"),
        "and",
        lambda number: number == 1,
    ),
    "fr": Language(
        "fr",
        {key: pair[1] for key, pair in PAIRS.items()},
        {**french.VOCABULARY, **{key: pair[1] for key, pair in vocabulary.PAIRS.items()}},
        french.localised,
        french.typeset,
        ("«\u00a0", "\u00a0»"),
        "et",
        lambda number: abs(number) < 2,
    ),
}


def language(code: str) -> Language:
    """The language of that code. Raises UnknownName."""
    if code not in get_args(Code):
        raise UnknownName.among("language", code, get_args(Code))
    return _LANGUAGES[code]
