"""The path of a beginner to a Raspberry Pi: the same commands in both languages. tests/device runs them."""

from __future__ import annotations

from tests.docs.pages import CHECKOUT, Page


def commands(name: str) -> list[str]:
    """The lines of the shell blocks of a page, without what is said of them."""
    page = Page(CHECKOUT / "docs" / name)
    return [line.partition("  # ")[0].rstrip() for block in page.blocks("sh") for line in block.splitlines()]


def test_both_languages_have_the_same_commands() -> None:
    assert commands("raspberry-pi.md") == commands("raspberry-pi.fr.md")


def test_both_languages_have_the_same_tables_and_steps() -> None:
    english, french = ((CHECKOUT / "docs" / name).read_text() for name in ("raspberry-pi.md", "raspberry-pi.fr.md"))
    for mark in ("\n## ", "\n| ", "\n```", "](findings/"):
        assert english.count(mark) == french.count(mark), mark
