"""docs/inputs.md says what the frontends read and what the exporters promise from each source."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from docs.make_inputs import KINDS, NO_WAY, SOURCES
from docs.make_inputs import page as generated
from edge_opt import registry
from edge_opt.inputs.recipes import RECIPES
from edge_opt.types import SourceKind
from tests.docs.pages import page

PAGE = page("docs/inputs.md")
FORMATS = registry.names("exporters")


def table(kind: str) -> dict[tuple[str, str], str]:
    """The cells of one matrix by recipe and format, read from the page as a person would."""
    (section,) = re.findall(rf"(?ms)^## From `{kind}`$(.*?)^## |\\Z", PAGE.text + "\n## ")[:1]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in re.findall(r"(?m)^\|.*\|$", section)]
    (head, _, *body) = rows
    return {(row[0], name): cell for row in body for name, cell in zip(head[1:], row[1:], strict=True)}


def test_the_page_is_what_the_program_says() -> None:
    assert PAGE.text == generated(), "docs/inputs.md is out of date: make docs"


@pytest.mark.parametrize("kind", get_args(SourceKind))
def test_a_cell_names_the_variants_that_exist_and_a_dash_is_none(kind: SourceKind) -> None:
    cells = table(kind)
    assert set(cells) == {(recipe.name, name) for recipe in RECIPES for name in FORMATS}
    for recipe in RECIPES:
        for name in FORMATS:
            variants = registry.load("exporters", name).variants(recipe.quantization, kind)
            assert (cells[recipe.name, name] == "–") == (not variants)
            assert all(variant in cells[recipe.name, name] for variant in variants)


def test_a_format_that_a_source_never_reaches_says_why_and_no_other_does() -> None:
    unreachable = {
        (name, kind)
        for name in FORMATS
        for kind in get_args(SourceKind)
        if not any(registry.load("exporters", name).variants(recipe.quantization, kind) for recipe in RECIPES)
    }
    assert unreachable == set(NO_WAY)
    assert all(why in PAGE.text for why in NO_WAY.values())


def test_every_source_of_models_is_explained() -> None:
    assert set(registry.names("frontends")) <= set(SOURCES)
    assert set(get_args(SourceKind)) == set(KINDS)
