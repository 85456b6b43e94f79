"""What a document is made of: blocks, and in their lines marks as data, so that no renderer has to parse a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """Something to be typed or looked up as it stands: a name, a path, a command."""

    text: str


@dataclass(frozen=True)
class Strong:
    """What the eye shall find first."""

    text: str


@dataclass(frozen=True)
class Foreign:
    """Text in another language than the document's, as the messages of libraries are."""

    text: str
    lang: str = "en"


@dataclass(frozen=True)
class Link:
    """A place in the document (``#id``) or a file beside it, with the text to press."""

    text: str
    href: str
    code: bool = False


Inline = str | Code | Strong | Foreign | Link
Inlines = tuple[Inline, ...]
Content = str | Inlines


@dataclass(frozen=True)
class Heading:
    """A heading; ``id`` is the same in every language."""

    level: int
    text: str
    id: str


@dataclass(frozen=True)
class Paragraph:
    """Lines of running text; ``kind`` says what it is for: "" or "lead", "note", "impact", "fix"."""

    content: Content
    kind: str = ""


@dataclass(frozen=True)
class Numbered:
    """Items with numbers, each of one or more paragraphs."""

    items: tuple[tuple[Paragraph, ...], ...]


@dataclass(frozen=True)
class Bullets:
    """Items without numbers."""

    items: tuple[Content, ...]


@dataclass(frozen=True)
class Head:
    """The heading of a column; numbers stand to the right."""

    text: str
    right: bool = True


@dataclass(frozen=True)
class Table:
    """Rows under their heads; ``label`` says what the table shows to who cannot see it."""

    label: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Content, ...], ...]


@dataclass(frozen=True)
class Highlight:
    """One number of the summary, before and after."""

    label: str
    before: str
    after: str
    change: str = ""
    better: bool = False


@dataclass(frozen=True)
class Highlights:
    """The few numbers that a reader came for."""

    items: tuple[Highlight, ...]


@dataclass(frozen=True)
class Figure:
    """A picture: ``path`` is its file beside the document, "" where it was not written; ``svg`` the picture itself."""

    path: str
    alt: str
    caption: str
    svg: str
    wide: bool = False


@dataclass(frozen=True)
class Listing:
    """Lines to be typed as they stand; ``label`` says what they are to who cannot see it."""

    text: str
    label: str


@dataclass(frozen=True)
class Details:
    """Blocks that a reader may fold away."""

    summary: str
    blocks: tuple[Block, ...]


Block = Heading | Paragraph | Numbered | Bullets | Table | Highlights | Figure | Listing | Details


@dataclass(frozen=True)
class Document:
    """The whole: ``lang`` is the code of its language, ``title`` what its first heading says."""

    lang: str
    title: str
    blocks: tuple[Block, ...]


def parts(content: Content) -> Inlines:
    """``content`` as inlines."""
    return (content,) if isinstance(content, str) else content


def joined(*contents: Content) -> Inlines:
    """The contents one after the other, with a space between them; empty ones leave none."""
    written: list[Inline] = []
    for content in contents:
        if content:
            written.extend([" ", *parts(content)] if written else parts(content))
    return tuple(written)


def plain(content: Content) -> str:
    """The text without its marks."""
    return "".join(one if isinstance(one, str) else one.text for one in parts(content))


def headings(document: Document) -> Iterator[Heading]:
    """The headings, in their order."""
    yield from (block for block in document.blocks if isinstance(block, Heading))
