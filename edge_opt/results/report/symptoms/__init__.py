"""The texts of the symptoms, both languages side by side: what it is, what was seen, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_opt.results.report.language import Language
from edge_opt.results.report.symptoms import behaviour, data, structure, training
from edge_opt.results.report.symptoms.words import Words
from edge_opt.types import Symptom

TEXTS: Mapping[str, Mapping[str, Words]] = {**data.TEXTS, **training.TEXTS, **structure.TEXTS, **behaviour.TEXTS}


@dataclass(frozen=True)
class Told:
    """A symptom in words: a title without a full stop, what was seen in a sentence, and the fix in a sentence."""

    title: str
    seen: str
    fix: str


def told(symptom: Symptom, language: Language) -> Told:
    """What to say of ``symptom`` in that language, from its own numbers; ``{names}`` of a template are its names."""
    words = TEXTS[symptom.code][language.code]
    facts = {**symptom.facts, "names": symptom.names}
    return Told(*(language.fill(part, facts) for part in (words.title, words.seen, words.fix)))
