"""What is planned: which candidates exist, what is refused before the work, and what the outline counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge_opt.errors import InputError, UnknownName
from edge_opt.flows import api, asked
from edge_opt.inputs import recipes, targets
from edge_opt.stages import plan
from tests.samples import a_model

HOST = targets.load("host")


def test_a_recipe_that_no_format_of_the_target_has_is_refused_by_name() -> None:
    openvino = replace(HOST, formats=("openvino",))
    with pytest.raises(InputError, match="the recipe 'dynamic_int8' does not exist in openvino"):
        plan.check([recipes.load("float32"), recipes.load("dynamic_int8")], openvino, "saved_model")
    plan.check(recipes.RECIPES, HOST, "saved_model")


def test_a_recipe_asked_for_that_does_not_exist_is_refused_before_anything_is_looked_at(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('name = "tiny"\ndescription = "x"\n[quantization]\nmode = "dynamic"\nweight_bits = 4\n')
    (tmp_path / "empty.keras").touch()
    with pytest.raises(InputError, match="the recipe 'tiny' does not exist in tflite or onnx or openvino"):
        api.optimize(tmp_path / "empty.keras", tmp_path / "absent.npz", recipes=[str(own)], output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_two_recipes_of_one_name_are_refused_and_one_given_twice_is_one(tmp_path: Path) -> None:
    for name, mode in (("a", "static"), ("b", "dynamic")):
        (tmp_path / f"{name}.toml").write_text(f'name = "own"\ndescription = "x"\n[quantization]\nmode = "{mode}"\n')
    with pytest.raises(InputError, match="two recipes have the name 'own'"):
        asked.recipes_of([str(tmp_path / "a.toml"), str(tmp_path / "b.toml")])
    assert asked.recipes_of(["float32", "float32"]) == (recipes.load("float32"),)


def test_from_python_one_recipe_may_stand_alone_and_a_misspelt_goal_is_refused(tmp_path: Path) -> None:
    assert asked.recipes_of("static_int8") == (recipes.load("static_int8"),)
    with pytest.raises(UnknownName) as caught:
        api.optimize(tmp_path / "x.keras", tmp_path / "x.npz", goal="latancy")  # type: ignore[arg-type]
    assert caught.value.hint == "did you mean 'latency'?"


def test_the_runtimes_that_are_not_installed_are_named_only_where_they_would_load_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent: Callable[[str], bool] = lambda name: name == "litert"  # noqa: E731
    monkeypatch.setattr("edge_opt.stages.plan.existing.installed", absent)
    assert [finding.code for finding in plan.absent(HOST)] == ["EO501", "EO501"]
    assert not plan.absent(replace(HOST, formats=("tflite",)))


def test_the_outline_counts_certification_and_pairs_but_no_preparation() -> None:
    first = plan.baseline(HOST, (), "saved_model")
    small = plan.outline([first], a_model(), 100, 1000, 10)
    large = plan.outline([first], a_model(), 100, 1000, 10, certification=1_000_000)
    assert large.seconds > small.seconds
    assert large.disk_bytes == small.disk_bytes + 1_000_000 * 1000
    untimed = plan.outline([first], a_model(), 100, 1000, 0)
    assert 0 < untimed.seconds < 20
    assert small.seconds > untimed.seconds + 10 * 0.7


def test_a_model_that_leads_to_no_format_of_the_target_is_not_blamed_on_the_runtimes() -> None:
    lite = replace(HOST, formats=("tflite",))
    words = f"'{HOST.name}' takes tflite, and nothing leads there from onnx"
    with pytest.raises(InputError, match=words) as raised:
        plan.baseline(lite, (), "onnx")
    assert "docs/inputs.md" in raised.value.hint
    with pytest.raises(InputError, match=words):
        plan.check((recipes.load("float32"),), lite, "onnx")
