"""A document as one HTML file: nothing outside of it is needed, on a phone, on paper, by day or by night."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from itertools import takewhile

from edge_opt.results.report.document import blocks as doc
from edge_opt.results.report.document.blocks import Block, Content, Document, Heading, Inline, Paragraph
from edge_opt.results.report.document.writing import Pen
from edge_opt.results.report.language import language

_BROAD = 7  # columns: a table with more is set smaller on paper, and wider on a desk


def html(document: Document, *, beside: str = "") -> str:
    """The whole page; ``beside`` is the way from where it lies to the files it links to, "" or ``folder/``."""
    pen = Pen(language(document.lang))
    style = files("edge_opt.results.report").joinpath("style.css").read_text(encoding="utf-8")
    title, *rest = document.blocks
    body = "\n".join(_body(rest, beside, pen.text("contents")))
    return f"""<!DOCTYPE html>
<html lang="{document.lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="edge-opt">
<title>{escape(document.title)}</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#content">{escape(pen.text("skip"))}</a>
<main id="content">
{"".join(_block(title, beside))}
{body}
</main>
</body>
</html>
"""


def _body(blocks: list[Block], beside: str, contents: str) -> Iterator[str]:
    """What stands under the title, the contents before the first heading."""
    found = [one for one in blocks if isinstance(one, Heading)]
    written = False
    for block in blocks:
        if isinstance(block, Heading) and not written:
            yield from _contents(found, contents)
            written = True
        yield "".join(_block(block, beside))


def _contents(found: list[Heading], label: str) -> Iterator[str]:
    """The chapters as links, and below the one that has some its parts."""
    yield f'<nav class="contents" aria-label="{escape(label)}"><ol>\n'
    for place, chapter in enumerate(found):
        if chapter.level > 2:
            continue
        parts = list(takewhile(lambda one: one.level > 2, found[place + 1 :]))
        inner = "".join(f"<li>{_entry(one)}</li>" for one in parts)
        if inner:
            yield f'<li class="chapter">{_entry(chapter)}<ol>{inner}</ol></li>\n'
        else:
            yield f"<li>{_entry(chapter)}</li>\n"
    yield "</ol></nav>"


def _entry(heading: Heading) -> str:
    return f'<a href="#{heading.id}">{escape(heading.text)}</a>'


def _line(content: Content, beside: str) -> str:
    return "".join(_inline(one, beside) for one in doc.parts(content))


def _inline(one: Inline, beside: str) -> str:
    match one:
        case doc.Code():
            return _code(one.text)
        case doc.Strong():
            return f"<strong>{escape(one.text)}</strong>"
        case doc.Foreign():
            return f'<span lang="{one.lang}">{escape(one.text)}</span>'
        case doc.Link():
            inner = _code(one.text) if one.code else escape(one.text)
            href = one.href if one.href.startswith("#") or ":" in one.href else f"{beside}{one.href}"
            return f'<a href="{escape(href)}">{inner}</a>'
        case _:
            return escape(one, quote=False)


def _code(text: str) -> str:
    """The text, with places where a narrow screen may break it."""
    inner = escape(text, quote=False)
    for sign in ("/", "_", "."):
        inner = inner.replace(sign, f"{sign}<wbr>")
    return f"<code>{inner}</code>"


def _block(block: Block, beside: str) -> Iterator[str]:
    match block:
        case Heading():
            yield f'<h{block.level} id="{block.id}">{escape(block.text, quote=False)}</h{block.level}>\n'
        case Paragraph():
            kind = f' class="{block.kind}"' if block.kind else ""
            yield f"<p{kind}>{_line(block.content, beside)}</p>\n"
        case doc.Numbered():
            yield "<ol>\n"
            for item in block.items:
                kind = ' class="long"' if len(item) > 1 else ""
                yield f"<li{kind}>{''.join(part for one in item for part in _block(one, beside))}</li>\n"
            yield "</ol>\n"
        case doc.Bullets():
            yield "<ul>\n"
            yield from (f"<li>{_line(one, beside)}</li>\n" for one in block.items)
            yield "</ul>\n"
        case doc.Table():
            yield from _table(block, beside)
        case doc.Highlights():
            yield from _highlights(block)
        case doc.Figure():
            yield from _figure(block)
        case doc.Listing():
            yield _scrolled(block.label, f"<pre><code>{escape(block.text, quote=False)}</code></pre>")
        case doc.Details():
            yield f"<details open><summary>{escape(block.summary, quote=False)}</summary>\n"
            for inner in block.blocks:
                yield from _block(inner, beside)
            yield "</details>\n"


def _scrolled(label: str, inner: str, kind: str = "scroll") -> str:
    """A box of its own for what may be wider than the screen: the page itself never scrolls sideways."""
    return f'<div class="{kind}" tabindex="0" role="region" aria-label="{escape(label)}">{inner}</div>\n'


def _table(block: doc.Table, beside: str) -> Iterator[str]:
    def cell(tag: str, head: doc.Head, inner: str) -> str:
        scope = ' scope="row"' if tag == "th" else ""
        right = ' class="number"' if head.right else ""
        return f"<{tag}{scope}{right}>{inner}</{tag}>"

    heads = "".join(
        f'<th scope="col" class="number">{escape(head.text)}</th>'
        if head.right
        else f'<th scope="col">{escape(head.text)}</th>'
        for head in block.heads
    )
    broad = len(block.heads) > _BROAD
    rows = "\n".join(
        "<tr>"
        + "".join(
            cell("td" if place else "th", head, _line(inner, beside))
            for place, (head, inner) in enumerate(zip(block.heads, row, strict=True))
        )
        + "</tr>"
        for row in block.rows
    )
    head = f"<thead><tr>{heads}</tr></thead>"
    inner = f"<table>\n{head}\n<tbody>\n{rows}\n</tbody>\n</table>"
    yield _scrolled(block.label, inner, "scroll broad" if broad else "scroll")


def _highlights(block: doc.Highlights) -> Iterator[str]:
    yield '<dl class="highlights">\n'
    for one in block.items:
        kind = "change better" if one.better else "change"
        change = f'<span class="{kind}">{escape(one.change)}</span>' if one.change else ""
        yield (
            f"<div><dt>{escape(one.label, quote=False)}</dt>"
            f'<dd><span class="before">{escape(one.before)}</span> <span class="arrow">→</span> '
            f'<strong class="after">{escape(one.after)}</strong>{change}</dd></div>\n'
        )
    yield "</dl>\n"


def _figure(block: doc.Figure) -> Iterator[str]:
    data = base64.b64encode(block.svg.encode()).decode("ascii")
    image = f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(block.alt)}">'
    kind = ' class="wide"' if block.wide else ""
    yield f"<figure{kind}>{_scrolled(block.caption, image)}"
    yield f"<figcaption>{escape(block.caption, quote=False)}</figcaption></figure>\n"
