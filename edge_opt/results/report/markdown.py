"""A document as Markdown: one line a paragraph, tables with aligned columns, pictures as files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edge_opt.results.report import tables
from edge_opt.results.report.document import blocks as doc
from edge_opt.results.report.document.blocks import Block, Content, Document, Inline, Paragraph

_INDENT = "   "


def markdown(document: Document, *, beside: str = "") -> str:
    """The whole document; ``beside`` is the way from where it is read to the files it links to, "" or ``folder/``."""
    return "\n\n".join("\n".join(_block(one, beside)) for one in document.blocks) + "\n"


def escape(text: str) -> str:
    """``text`` on one line, with what Markdown would take for markup made harmless."""
    return re.sub(r"([\\|<>*`\[\]])", r"\\\1", " ".join(text.split(" ")))


def line(content: Content, beside: str = "") -> str:
    """Running text."""
    return "".join(_inline(one, beside) for one in doc.parts(content))


def _inline(one: Inline, beside: str) -> str:
    match one:
        case doc.Code():
            return _code(one.text)
        case doc.Strong():
            return f"**{escape(one.text)}**"
        case doc.Link():
            text = _code(one.text) if one.code else escape(one.text)
            return f"[{text}]({_way(one.href, beside)})"
        case doc.Foreign():
            return escape(one.text)
        case _:
            return escape(one)


def _code(text: str) -> str:
    """Between as many signs as the text does not hold; a bar would end the cell of a table."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|")


def _way(href: str, beside: str) -> str:
    """Where a link leads from here, in brackets where it holds a space."""
    whole = href if href.startswith("#") or ":" in href else f"{beside}{href}"
    return f"<{whole}>" if re.search(r"[\s()]", whole) else whole


def _block(block: Block, beside: str) -> Iterator[str]:
    match block:
        case doc.Heading():
            yield f"{'#' * block.level} {block.text}"
        case Paragraph():
            yield line(block.content, beside)
        case doc.Numbered():
            yield from _numbered(block, beside)
        case doc.Bullets():
            yield from (f"- {line(one, beside)}" for one in block.items)
        case doc.Table():
            yield from _table(block, beside)
        case doc.Highlights():
            yield " · ".join(
                f"**{escape(one.label)}** {escape(one.before)} → {escape(one.after)}" for one in block.items
            )
        case doc.Figure():
            yield f"![{escape(block.alt)}]({_way(block.path, beside)})"
            yield ""
            yield f"*{escape(block.caption)}*"
        case doc.Listing():
            yield from ("```", block.text, "```")
        case doc.Details():
            yield f"**{escape(block.summary)}**"
            for inner in block.blocks:
                yield ""
                yield from _block(inner, beside)


def _numbered(block: doc.Numbered, beside: str) -> Iterator[str]:
    for number, paragraphs in enumerate(block.items, 1):
        for place, paragraph in enumerate(paragraphs):
            if place:
                yield ""
            yield (_INDENT if place else f"{number}. ") + line(paragraph.content, beside)
        if number < len(block.items) and len(paragraphs) > 1:
            yield ""


def _table(block: doc.Table, beside: str) -> Iterator[str]:
    cells = [[line(cell, beside) for cell in row] for row in block.rows]
    columns = [
        tables.Column(head.text, tuple(row[place] for row in cells), right=head.right)
        for place, head in enumerate(block.heads)
    ]
    yield from tables.draw(columns, rule=True)
