"""The pages of the documentation, and the parts of them that can be checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(CHECKOUT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def prose(self) -> str:
        """The text without its code blocks and comments."""
        return re.sub(r"(?ms)^```.*?^```$|<!--.*?-->", "", self.text)

    def links(self) -> Iterator[str]:
        """What its links and pictures point to, as written."""
        bare = re.sub(r"`[^`\n]*`", "", self.prose)
        yield from re.findall(r"\]\(\s*<?([^)>\s]+)", bare)

    def anchors(self) -> set[str]:
        """The fragments that its headings can be reached by, as GitHub makes them."""
        headings = re.findall(r"(?m)^#{1,6} +(.+?) *$", self.prose)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def blocks(self, *languages: str) -> Iterator[str]:
        """The content of its code blocks in one of ``languages``."""
        for language, content in re.findall(r"(?ms)^```([\w-]*)[^\n]*\n(.*?)^```$", self.text):
            if language in languages:
                yield content

    def command_lines(self) -> Iterator[str]:
        """Each line of its shell blocks that is a command: continuations joined, prompts and comments gone."""
        for block in self.blocks("", "sh", "bash", "console", "shell"):
            for line in block.replace("\\\n", " ").splitlines():
                bare = re.sub(r"(^|\s)#.*$", "", line.strip().removeprefix("$ ")).strip()
                if bare:
                    yield bare


def pages() -> tuple[Page, ...]:
    """Every Markdown file that people read: those at the top, and all under the folders of the product."""
    folders = ("docs", "benchmarks", "calibration_data", "examples", "targets")
    found = [*CHECKOUT.glob("*.md"), *(path for folder in folders for path in (CHECKOUT / folder).rglob("*.md"))]
    return tuple(Page(path) for path in sorted(found))


def page(name: str) -> Page:
    """The page at ``name``, a path from the top of the checkout."""
    return Page(CHECKOUT / name)
