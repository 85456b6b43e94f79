"""What a page tells people to type exists, and what it links to is there."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

import edge_opt
from docs.make_cli import contexts
from edge_opt.cli.main import cli
from tests.docs.pages import CHECKOUT, Page, pages

COMMANDS = {context.command_path: context.command for context in contexts(cli, "edge-opt")}
PAGES = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


@PAGES
def test_relative_links_lead_somewhere(page: Page) -> None:
    broken = []
    for link in page.links():
        if re.match(r"[a-z]+:", link):
            continue
        file, _, fragment = link.partition("#")
        target = (page.path.parent / file).resolve() if file else page.path
        if not target.exists() or (fragment and target.suffix == ".md" and fragment not in Page(target).anchors()):
            broken.append(link)
    assert not broken


@PAGES
def test_make_targets_exist(page: Page) -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"(?m)^([a-z-]+):", makefile))
    typed = [line for line in page.command_lines() if line.startswith("make ")]
    # variables (UPGRADE=1) and options (-j2) are no targets
    asked = {word for line in typed for word in shlex.split(line)[1:] if "=" not in word and not word.startswith("-")}
    assert asked <= known


@PAGES
def test_edge_opt_commands_and_options_exist(page: Page) -> None:
    wrong = []
    for line in page.command_lines():
        for typed in re.split(r"\||&&|;", line):
            if re.match(r"\s*(\S*/)?edge-opt\s", typed):
                wrong += [f"{typed.strip()}: {problem}" for problem in problems(shlex.split(typed)[1:])]
    assert not wrong


def problems(words: list[str]) -> list[str]:
    """What ``edge-opt`` would not understand of ``words``; values are not looked at."""
    name = next((word for word in words if not word.startswith("-")), "")
    command = COMMANDS.get(f"edge-opt {name}".strip())
    if command is None:
        return [f"there is no command '{name}'"]
    own = next((word for word in words[words.index(name) + 1 :] if not word.startswith("-")), "") if name else ""
    if name == "gate":  # whose first word may be left out
        command = COMMANDS["edge-opt gate check"]
    command = COMMANDS.get(f"edge-opt {name} {own}", command)
    of_program = {option for parameter in cli.params for option in parameter.opts}
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    return [f"no option '{option}'" for option in given - known - of_program - {"-h", "--help"}]


@PAGES
def test_python_examples_use_names_that_exist(page: Page) -> None:
    for block in page.blocks("python"):
        tree = ast.parse(block)
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "edge_opt"
        }
        assert not [name for name in used if not hasattr(edge_opt, name)]


@PAGES
def test_a_page_has_one_title_and_no_placeholder(page: Page) -> None:
    assert len(re.findall(r"(?m)^# ", page.prose)) == 1
    assert not re.findall(r"TODO|FIXME|TBD|lorem ipsum", page.text)


@pytest.mark.parametrize("script", sorted((CHECKOUT / "benchmarks").glob("*.py")), ids=lambda path: path.name)
def test_every_benchmark_is_listed(script: Path) -> None:
    assert f"[{script.name}]({script.name})" in Page(CHECKOUT / "benchmarks" / "README.md").text


@pytest.mark.parametrize("name", sorted(path.name for path in (CHECKOUT / "docs").glob("*.md")))
def test_the_readme_leads_to_every_page_of_the_documentation(name: str) -> None:
    assert f"(docs/{name})" in Page(CHECKOUT / "README.md").text
