"""Both languages say the same with the same facts, and French is set as French is."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from edge_opt.errors import UnknownName
from edge_opt.results.report.document.skeleton import SKELETONS
from edge_opt.results.report.language import english, french, language
from edge_opt.results.report.language.findings import TITLES
from edge_opt.results.report.language.phrases import PAIRS, vocabulary
from edge_opt.results.report.symptoms import TEXTS
from tests.architecture.source import CHECKOUT

LANGUAGES = [language("en"), language("fr")]
FRENCH = language("fr")
PARTS = ("title", "seen", "fix")


def facts(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def ways(template: str) -> list[str]:
    """How the facts of a template are written, the words of a noun left out."""
    return sorted((spec or "").partition(" ")[0] for _, name, spec, _ in Formatter().parse(template) if name)


@pytest.mark.parametrize("key", PAIRS)
def test_a_phrase_has_the_same_facts_in_both_languages(key: str) -> None:
    english_text, french_text = PAIRS[key]
    assert facts(english_text) == facts(french_text)
    assert english_text.strip()
    assert french_text.strip()


@pytest.mark.parametrize("code", TEXTS)
def test_a_symptom_has_both_languages_with_facts_that_both_know(code: str) -> None:
    assert set(TEXTS[code]) == {"en", "fr"}
    said = {code: {part: facts(getattr(words, part)) for part in PARTS} for code, words in TEXTS[code].items()}
    assert said["en"]["seen"] == said["fr"]["seen"]


def test_both_languages_have_the_same_words() -> None:
    assert set(english.VOCABULARY) == set(french.VOCABULARY)
    assert not set(english.VOCABULARY) & set(vocabulary.PAIRS)


@pytest.mark.parametrize("code", TEXTS)
@pytest.mark.parametrize("part", PARTS)
def test_every_way_to_write_a_fact_exists(code: str, part: str) -> None:
    for one in LANGUAGES:
        for _, name, spec, _ in Formatter().parse(getattr(TEXTS[code][one.code], part)):
            if name is not None:
                assert one.write(("a", "b") if (spec or "").startswith("names") else 1.0, spec or "")


@pytest.mark.parametrize("key", PAIRS)
def test_every_way_to_write_a_fact_of_a_phrase_exists(key: str) -> None:
    for one in LANGUAGES:
        for _, name, spec, _ in Formatter().parse(one.phrases[key]):
            if name is not None:
                assert one.write(1.0, spec or "")


def test_a_finding_without_a_text_of_its_own_has_a_french_title() -> None:
    pages = {path.stem for path in (CHECKOUT / "docs" / "findings").glob("EO*.md")}
    assert set(TITLES) == pages - set(TEXTS)
    assert all(title[0].isupper() and not title.endswith(".") for title in TITLES.values())


@pytest.mark.parametrize("text", [*(pair[1] for pair in PAIRS.values()), *vocabulary.PAIRS["month08"]])
def test_a_french_phrase_is_written_plain_and_typeset_later(text: str) -> None:
    assert "’" not in text
    assert "\u202f" not in text


@pytest.mark.parametrize("key", PAIRS)
def test_no_french_line_may_break_before_a_double_sign(key: str) -> None:
    text = FRENCH.typeset(re.sub(r"\{[^}]*\}", "x", PAIRS[key][1]))
    assert not re.search(r"[ '][;:!?%»]|« |'", text)


@pytest.mark.parametrize(
    ("number", "how", "english_text", "french_text"),
    [
        (0.8647, "percent2", "86.47%", "86,47\u202f%"),
        (241_546, "count", "241,546", "241\u202f546"),
        (970_624, "bytes", "947.88 KiB", "947,88\u00a0Kio"),
        (-0.0034, "points2", "-0.34", "\u22120,34"),
        (61_270_000, "duration", "61.27 ms", "61,27\u00a0ms"),
        (0.01, "pp", "1.00 points", "1,00 point"),
        (0.02, "pp", "2.00 points", "2,00 points"),
        (1.49e-06, "number", "1.49 × 10⁻⁶", "1,49\u00a0×\u00a010⁻⁶"),
        (0.95, "confidence", "95%", "95\u202f%"),
        (1, "n image|images", "1 image", "1 image"),
        (2, "n image|images", "2 images", "2 images"),
        (0, "n image|images", "0 images", "0 image"),
    ],
)
def test_a_number_is_written_as_the_language_does(number: float, how: str, english_text: str, french_text: str) -> None:
    assert [one.write(number, how) for one in LANGUAGES] == [english_text, french_text]


def test_a_list_names_four_and_counts_the_others() -> None:
    names = ["a", "b", "c", "d", "e", "f"]
    assert LANGUAGES[0].listed(names) == "'a', 'b', 'c', 'd' and 2 more"
    assert (
        LANGUAGES[1].listed(names) == "«\u00a0a\u00a0», «\u00a0b\u00a0», «\u00a0c\u00a0», «\u00a0d\u00a0» et 2 autres"
    )


def test_the_skeleton_keeps_the_characters_of_the_course() -> None:
    skeleton = SKELETONS["fr"]
    assert skeleton.title == "Rapport d'amélioration du modèle"
    assert skeleton.impact == "→ Impact:"
    assert skeleton.heads == ("Métrique", "Avant", "Après", "Amélioration")
    assert (skeleton.accuracy, skeleton.time, skeleton.size) == ("Précision", "Temps d'inférence", "Taille du modèle")


def test_a_language_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UnknownName, match="de"):
        language("de")
