"""Every command, recipe, target, format, runtime and extra stands in the documentation."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import click
import pytest

import edge_opt
from docs.make_cli import contexts
from docs.make_cli import page as command_reference
from edge_opt import registry
from edge_opt.cli.main import cli
from edge_opt.inputs import recipes, targets
from tests.architecture.source import CHECKOUT, modules
from tests.docs.pages import page, pages

COMMANDS = {context.command_path: context.command for context in contexts(cli, "edge-opt")}
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_command_reference_is_what_help_says() -> None:
    assert page("docs/cli.md").text == command_reference(), "docs/cli.md is out of date: make docs"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_explains_itself(path: str) -> None:
    command = COMMANDS[path]
    assert command.help
    assert not [option.name for option in command.params if isinstance(option, click.Option) and not option.help]


@pytest.mark.parametrize("name", [path for path in COMMANDS if " " in path])
def test_the_readme_shows_every_command(name: str) -> None:
    assert re.search(rf"{name}\b", page("README.md").text)


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_is_documented(name: str) -> None:
    assert f"`{name}`" in page("docs/recipes.md").text
    assert f"`{name}`" in page("README.md").text


@pytest.mark.parametrize("name", targets.names())
def test_every_target_is_documented(name: str) -> None:
    assert f"`{name}`" in page("README.md").text


@pytest.mark.parametrize(
    "name",
    [
        name
        for kind in ("frontends", "passes", "exporters", "runtimes", "devices", "executors")
        for name in registry.names(kind)
    ],
)
def test_every_registered_name_is_documented(name: str) -> None:
    assert [found.name for found in pages() if f"`{name}`" in found.text]


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_every_extra_is_documented(extra: str) -> None:
    assert f"`{extra}`" in page("README.md").text or f"`{extra}`" in page("CONTRIBUTING.md").text


def test_every_extra_that_a_message_names_exists() -> None:
    named = {
        (module.relative, extra)
        for module in modules()
        for node in module.walk()
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for extra in re.findall(r"edge-opt\[([\w,-]+)\]", node.value)
    } | {
        (module.relative, node.args[1].value)
        for module in modules()
        for node in module.walk()
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("MissingPackage.of") and len(node.args) > 1
        if isinstance(node.args[1], ast.Constant)
    }
    assert not {(where, extra) for where, extra in named if extra not in PROJECT["optional-dependencies"]}


def test_the_changelog_has_the_current_version() -> None:
    assert re.search(rf"(?m)^## {re.escape(edge_opt.__version__)}\b", page("CHANGELOG.md").text)


@pytest.mark.parametrize("path", sorted((CHECKOUT / "docs" / "decisions").glob("*.md")), ids=lambda path: path.stem)
def test_a_decision_fits_on_a_page(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40
