"""Phrases of a language with marks in them, and numbers as the document writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from edge_opt import stats
from edge_opt.results.report.document.blocks import Code, Content, Foreign, Inline, Inlines, Link, Strong
from edge_opt.results.report.document.blocks import parts as as_parts
from edge_opt.results.report.language import Language
from edge_opt.results.report.language.findings import TITLES
from edge_opt.results.report.language.phrases import agreement
from edge_opt.types import Interval

NONE = "–"
EVEN = "≈"
Mark = Code | Foreign | Link | Strong


@dataclass(frozen=True)
class Pen:
    """What writes one document: phrases, lists and numbers in its language."""

    language: Language
    labelled: bool = True  # without labels, agreement is counted, and nothing is called accuracy

    def key(self, key: str) -> str:
        """The phrase to take for ``key``: where there are no labels, the one that speaks of agreement."""
        other = f"{key}{agreement.ENDING}"
        return other if not self.labelled and other in self.language.phrases else key

    def say(self, key: str, **facts: Any) -> Inlines:
        """The phrase of that key; facts that are marks, or lines with marks, stay so."""
        written: list[Inline] = []
        for literal, name, spec, _ in Formatter().parse(self.language.phrases[self.key(key)]):
            written.append(self.language.typeset(literal))
            if name is None:
                continue
            value = facts[name]
            if isinstance(value, tuple):
                written.extend(value)
            else:
                written.append(value if isinstance(value, Mark) else self.language.write(value, spec or ""))
        return tuple(written)

    def text(self, key: str, **facts: Any) -> str:
        """The phrase of that key, with no mark in it."""
        return self.language.phrase(self.key(key), **facts)

    def how(self, value: Any, how: str) -> str:
        """One number, written in that way."""
        return self.language.write(value, how)

    def word(self, key: str) -> str:
        """What a key of the evidence is called."""
        return self.language.word(key)

    def codes(self, names: Sequence[str]) -> Inlines:
        """``a, b and c``, as they are typed."""
        written: list[Inline] = []
        for place, name in enumerate(names):
            if place:
                written.append(f" {self.language.conjunction} " if place == len(names) - 1 else ", ")
            written.append(Code(name))
        return tuple(written)

    def foreign(self, text: str) -> Inlines:
        """English text of the evidence on one line: quoted, and marked, in a document of another language."""
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
        if self.language.code == "en":
            return (line,)
        before, after = self.language.quotes
        return (before, Foreign(line), after)

    def signed(self, fraction: float) -> str:
        """Percent points with their sign: ``+0.10``, ``-0.34``, ``0.00``."""
        written = self.how(fraction, "points2")
        return f"+{written}" if fraction > 0 and re.search(r"[1-9]", written) else written

    def interval(self, bounds: Interval, how: str, *, negated: bool = False) -> str:
        """``95% interval 3.08 … 3.14``; ``negated`` of a drop is a change."""
        low, high = (-bounds.high, -bounds.low) if negated else (bounds.low, bounds.high)
        write = self.signed if how == "points2" and negated else lambda value: self.how(value, how)
        return self.text("interval", confidence=bounds.confidence, low=write(low), high=write(high))

    def change(self, drop: Interval) -> str:
        """The change of a score in percent points with its interval: ``-0.10 points (90% interval -0.26 … +0.05)``."""
        return self.text(
            "change_with_interval",
            change=self.signed(-drop.estimate),
            size=abs(100 * drop.estimate),
            interval=self.interval(drop, "points2", negated=True),
        )

    def rise(self, rise: Interval) -> str:
        """How much an error rose, in percent points with its interval: less is better."""
        low, high = self.signed(rise.low), self.signed(rise.high)
        return self.text(
            "change_with_interval",
            change=self.signed(rise.estimate),
            size=abs(100 * rise.estimate),
            interval=self.text("interval", confidence=rise.confidence, low=low, high=high),
        )

    def faster(self, speed_up: Interval) -> str:
        """How many times faster, with its interval, or that it cannot be told."""
        if speed_up.confidence <= 0:
            return self.text("faster_once", ratio=speed_up.estimate)
        interval = self.interval(speed_up, "ratio")
        if speed_up.confidence < stats.LEAST_CONFIDENCE or speed_up.low <= 1 <= speed_up.high:
            return self.text("as_fast", ratio=speed_up.estimate, interval=interval)
        if speed_up.high < 1:
            return self.text("slower", ratio=1 / speed_up.estimate, interval=self.interval(_inverse(speed_up), "ratio"))
        return self.text("faster", ratio=speed_up.estimate, interval=interval)

    def points(self, change: float) -> str:
        """A change in percent points with its sign and noun."""
        return self.text("points", change=self.signed(change), size=abs(100 * change))

    def faster_short(self, speed_up: Interval) -> str:
        """How many times faster, for a summary."""
        if speed_up.confidence < stats.LEAST_CONFIDENCE or speed_up.low <= 1 <= speed_up.high:
            return self.text("as_fast_short")
        faster = speed_up.low > 1
        return self.text(
            "faster_short" if faster else "slower_short", ratio=speed_up.estimate if faster else 1 / speed_up.estimate
        )

    def title(self, code: str) -> str:
        """What a finding is called where its message is in another language; "" where it is not."""
        return "" if self.language.code == "en" else TITLES.get(code, "")

    def sized(self, before: int, after: int) -> str:
        """``3.78 times smaller``, or larger, or of the same size."""
        if before == after:
            return self.text("same_size")
        return (
            self.text("smaller", ratio=before / after) if after < before else self.text("larger", ratio=after / before)
        )

    def closed(self, title: str) -> str:
        """A title as the beginning of a paragraph."""
        return title if title.endswith((".", "!", "?")) else f"{title}."

    def series(self, parts: Sequence[Content]) -> Inlines:
        """The parts with semicolons between them."""
        written: list[Inline] = []
        for place, part in enumerate(parts):
            written.extend([self.text("semicolon"), *as_parts(part)] if place else as_parts(part))
        return tuple(written)

    def ended(self, content: Inlines | str) -> Inlines:
        """``content`` with a full stop where it has none."""
        whole = (content,) if isinstance(content, str) else content
        last = whole[-1] if whole else ""
        closed = (last if isinstance(last, str) else last.text).endswith((".", "!", "?", ":", "…"))
        return whole if closed else (*whole, ".")


def _inverse(interval: Interval) -> Interval:
    return Interval(
        low=1 / interval.high, estimate=1 / interval.estimate, high=1 / interval.low, confidence=interval.confidence
    )
