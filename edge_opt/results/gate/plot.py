"""Intervals drawn with letters, as a job summary shows no pictures: each a share of its limit, worse to the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_opt.results.gate import words
from edge_opt.types import Decision, Interval

WIDTH = 61
_NAME = 24  # letters of a measure that are shown
_FARTHEST = 3.0  # limits to either side; what lies beyond is an arrow
_NEAREST = 1.5
_ZERO, _LIMIT = "│", "┊"
MEANS = (
    f"● with its interval is the change as a share of its limit, {_ZERO} no change, {_LIMIT} the limit; right is worse"
)


def drawn(decisions: Sequence[Decision]) -> list[str]:
    """The lines of the plot, a scale above them; none where no decision has an interval and a limit."""
    shown = [(one, shares) for one in decisions if (shares := _shares(one))]
    if not shown:
        return []
    ends = [abs(bound) for _, one in shown for bound in (one.low, one.high)]
    span = min(max(_NEAREST, 1.15 * max(ends)), _FARTHEST)
    names = [_short(words.clean(one.measure)) for one, _ in shown]
    width = max(len(name) for name in names)
    lines = [f"{'':{width}}  {_scale(span)}".rstrip()]
    for name, (one, shares) in zip(names, shown, strict=True):
        said = "" if one.outcome == "ok" else f"  {words.SAID[one.outcome]}"
        lines.append(f"{name:{width}}  {_line(shares, span)}{said}".rstrip())
    return lines


def _shares(decision: Decision) -> Interval | None:
    """The change as shares of the limit; None where it has no size, or where nothing at all is allowed."""
    if decision.change is None or decision.limit <= 0:
        return None
    found = decision.change
    return Interval(
        low=found.low / decision.limit,
        estimate=found.estimate / decision.limit,
        high=found.high / decision.limit,
        confidence=found.confidence,
    )


def _place(share: float, span: float) -> int:
    """The column of a share; beyond the ends where it is beyond the span."""
    return round((share + span) / (2 * span) * (WIDTH - 1))


def _scale(span: float) -> str:
    line = [" "] * WIDTH
    for share, text in ((-1.0, "-limit"), (0.0, "0"), (1.0, "limit")):
        start = _place(share, span) - len(text) // 2
        line[start : start + len(text)] = text
    return "".join(line)


def _line(shares: Interval, span: float) -> str:
    line = [" "] * WIDTH
    for place, mark in ((0.0, _ZERO), (-1.0, _LIMIT), (1.0, _LIMIT)):
        line[_place(place, span)] = mark
    for place, mark in _marks(shares, span):
        line[place] = mark
    return "".join(line)


def _marks(shares: Interval, span: float) -> Iterator[tuple[int, str]]:
    """What is drawn of an interval, and where: its line, its ends, its estimate."""
    last = WIDTH - 1
    low, middle, high = (_place(one, span) for one in (shares.low, shares.estimate, shares.high))
    for place in range(max(low, 0), min(high, last) + 1):
        yield place, "─"
    if low < high:
        if 0 <= low <= last:
            yield low, "├"
        if 0 <= high <= last:
            yield high, "┤"
    if 0 <= middle <= last:
        yield middle, "●"
    if low < 0:
        yield 0, "◀"
    if high > last:
        yield last, "▶"


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
