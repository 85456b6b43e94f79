"""docs/recipes.md says what the exporters promise."""

from __future__ import annotations

import re

import pytest

from docs.make_recipes import page as generated
from edge_opt import registry
from edge_opt.inputs.recipes import RECIPES
from edge_opt.types import Recipe
from tests.docs.pages import page

PAGE = page("docs/recipes.md")


def table() -> dict[tuple[str, str], str]:
    """The cells of the matrix by recipe and format, read from the page as a person would."""
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")] for line in re.findall(r"(?m)^\|.*\|$", PAGE.text)
    ]
    (head, _, *body) = rows
    return {(row[0], name): cell for row in body for name, cell in zip(head[1:], row[1:], strict=True)}


def test_the_page_is_what_the_program_says() -> None:
    assert PAGE.text == generated(), "docs/recipes.md is out of date: make docs"


def test_the_matrix_has_every_recipe_and_every_format() -> None:
    expected = {(recipe.name, name) for recipe in RECIPES for name in registry.names("exporters")}
    assert set(table()) == expected


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
@pytest.mark.parametrize("name", registry.names("exporters"))
def test_a_cell_names_the_variants_that_exist_and_a_dash_is_none(name: str, recipe: Recipe) -> None:
    variants = registry.load("exporters", name).variants(recipe.quantization, "saved_model")
    cell = table()[recipe.name, name]
    assert (cell == "–") == (not variants)
    assert all(variant in cell for variant in variants)
