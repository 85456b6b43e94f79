"""What all pictures share: the sheet they are drawn on, and colours that follow the reader's light or dark screen.

matplotlib writes fixed colours. Each stands for a role, and in the finished SVG is replaced by a variable that the
SVG's own style sets for a light and for a dark screen, so that one file serves both, alone or in a page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from edge_opt.errors import MissingPackage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# the role → what matplotlib draws with; no two are alike, and nothing else is drawn with them
PAPER, INK, SOFT, LINE = "#fefdfc", "#010203", "#515253", "#d1d2d3"
BEFORE, AFTER, GOOD, WARN = "#0072b1", "#d55e01", "#009e74", "#cc79a6"

# role → name, on a light screen, on a dark one; the colours are those that Okabe and Ito chose for the colour-blind,
# each where it stands out enough from the paper, and form or dash says the same again
_SCREENS = {
    PAPER: ("paper", "#ffffff", "#14171b"),
    INK: ("ink", "#1b1f24", "#e7eaee"),
    SOFT: ("soft", "#525b66", "#a9b2bd"),
    LINE: ("line", "#d5dae1", "#363d46"),
    BEFORE: ("before", "#0072b2", "#56b4e9"),
    AFTER: ("after", "#d55e00", "#e69f00"),
    GOOD: ("good", "#009e73", "#009e73"),
    WARN: ("warn", "#a8558a", "#cc79a7"),
}
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "edge-opt",  # with glyphs as paths: nothing depends on the fonts, the clock or the process
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.facecolor": PAPER,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
}


@dataclass(frozen=True)
class Sketch:
    """A picture that can be drawn: its file's name without the ending, what it shows in words, and how to draw it."""

    name: str
    alt: str  # the content in a sentence, with numbers
    caption: str
    draw: Callable[[], str]
    wide: bool = False  # whether a phone shows it at a width to scroll in

    def svg(self) -> str:
        """The picture. Raises MissingPackage without matplotlib."""
        return drawn(self)


def drawn(sketch: Sketch) -> str:
    """``sketch`` as SVG with its texts for who cannot see it. Raises MissingPackage without matplotlib."""
    return described(sketch.draw(), sketch.caption, sketch.alt)


def sheet(width: float, height: float, draw: Callable[[Figure], None]) -> str:
    """What ``draw`` puts on an empty figure of that size in inches, as SVG: always the same text for the same."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackage.of("matplotlib", "report", "a picture") from error
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return coloured(out.getvalue())


def grid(axes: Axes, which: str = "both") -> None:
    """Faint lines behind what is drawn."""
    axes.grid(True, axis=which)  # type: ignore[arg-type]


def described(svg: str, title: str, description: str) -> str:
    """``svg`` with a title and a description that a screen reader finds."""
    texts = f"<title>{escape(title)}</title>\n <desc>{escape(description)}</desc>\n "
    return re.sub(r"(<svg\b[^>]*)>\s*", rf'\1 role="img">{_literal(texts)}', svg, count=1)


def _literal(text: str) -> str:
    """``text`` as a replacement of ``re.sub`` that means itself."""
    return text.replace("\\", r"\\")


def coloured(svg: str) -> str:
    """``svg`` with the colours of the roles as variables, and the two screens in its style."""
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    for colour, (name, _, _) in _SCREENS.items():
        svg = svg.replace(colour, f"var(--{name})")
    light = ";".join(f"--{name}:{day}" for name, day, _ in _SCREENS.values())
    dark = ";".join(f"--{name}:{night}" for name, _, night in _SCREENS.values())
    style = f"<style>:root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}</style>\n "
    return re.sub(r"(<svg\b[^>]*>)\s*", rf"\1\n {style}", svg, count=1)
