"""The six recipes, and those that users write."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_opt.errors import InputError, UnknownName
from edge_opt.inputs import recipes
from edge_opt.types import Quantization, Recipe

OWN = 'name = "static_tensor"\ndescription = "one scale a tensor"\n[quantization]\nmode = "static"\n'


def recipe(folder: Path, text: str) -> str:
    (folder / "own.toml").write_text(text)
    return str(folder / "own.toml")


def test_there_are_six_recipes_and_the_baseline_is_the_first() -> None:
    assert recipes.names() == (
        "float32",
        "float16",
        "dynamic_int8",
        "weight_only_int8",
        "static_int8",
        "static_int16x8",
    )
    for each in recipes.RECIPES:
        assert recipes.load(each.name) is each
        assert each.description.endswith(".")
        assert each.description.count(". ") == 0


def test_a_recipe_of_the_users_own_is_read(tmp_path: Path) -> None:
    assert recipes.load(recipe(tmp_path, OWN + 'granularity = "per_tensor"')) == Recipe(
        name="static_tensor",
        description="one scale a tensor",
        quantization=Quantization(mode="static", granularity="per_tensor"),
    )


def test_ranges_and_layers_are_read_from_a_file_as_the_ladder_would_choose_them(tmp_path: Path) -> None:
    own = recipe(tmp_path, OWN + 'range_method = "mse"\nkeep_float = ["dense", "conv"]\nwide = ["stem"]\n')
    assert recipes.load(own).quantization == Quantization(
        mode="static", range_method="mse", keep_float=("dense", "conv"), wide=("stem",)
    )


def test_an_unknown_recipe_has_its_nearest_named() -> None:
    with pytest.raises(UnknownName) as caught:
        recipes.load("static_int9")
    assert caught.value.hint == "did you mean 'static_int8'?"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (OWN.replace("static_tensor", "float32"), "belongs to a built-in recipe", "another name"),
        (OWN.replace("static_tensor", "a/b"), "'name' is 'a/b'", "part of trial ids"),
        (OWN.replace('"static"', '"statc"'), "'quantization.mode' is 'statc'", "did you mean 'static'?"),
        (OWN.replace('mode = "static"', ""), "'quantization.mode' is missing", "one of none, float16"),
        (OWN + "weight_bits = 7", "'quantization.weight_bits' is '7'", "one of 2, 4, 8"),
        (OWN + "bits = 8", "there is no key 'quantization.bits'", "did you mean"),
        (OWN + 'keep_float = "dense"', "'quantization.keep_float' is 'dense'", "a list of texts"),
        (OWN + 'keep_float = ["a"]\nwide = ["a"]', "the layer 'a' is in keep_float and in wide", "one of them"),
        (OWN.replace('"static"', '"dynamic"') + 'wide = ["a"]', "'quantization.wide' is", "the mode"),
        (OWN + 'range_method = "kl"', "'quantization.range_method' is 'kl'", "min_max, percentile"),
        ('name = "a"', "'description' is missing", "text"),
    ],
)
def test_an_error_says_the_file_the_key_and_the_value(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        recipes.load(recipe(tmp_path, text))
    assert "own.toml'" in caught.value.message
    assert message in caught.value.message
    assert hint in caught.value.hint
