"""Every finding that edge-opt can report has a page, and every page has a finding."""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict

import pytest

from docs.make_findings import page as index
from tests.architecture.source import CHECKOUT, modules
from tests.docs.pages import page

FOLDER = CHECKOUT / "docs" / "findings"
HEADINGS = ["What it says", "Why it matters", "What to do"]


@functools.cache
def codes() -> dict[str, list[str]]:
    """Each finding code in the source of edge_opt, with the places that hold it."""
    found: dict[str, list[str]] = defaultdict(list)
    for module in modules():
        for node in module.walk():
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"EO\d{3}", node.value):
                found[node.value].append(f"{module.relative}:{node.lineno}")
    return dict(sorted(found.items()))


def documented() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("EO*.md"))


@pytest.mark.parametrize("code", codes())
def test_every_finding_has_a_page(code: str) -> None:
    assert code in documented(), f"{code} of {codes()[code]} has no docs/findings/{code}.md"


@pytest.mark.parametrize("code", documented())
def test_every_page_belongs_to_a_finding(code: str) -> None:
    assert code in codes()


@pytest.mark.parametrize("code", documented())
def test_a_page_says_what_why_and_what_to_do(code: str) -> None:
    text = page(f"docs/findings/{code}.md").text
    assert re.match(rf"# {code}: \S", text)
    assert re.findall(r"(?m)^## (.+?) *$", text) == HEADINGS
    sections = re.split(r"(?m)^## .+$", text)[1:]
    assert all(section.strip() for section in sections)


def test_the_index_is_made_from_the_pages() -> None:
    assert page("docs/findings/README.md").text == index(), "docs/findings/README.md is out of date: make docs"
