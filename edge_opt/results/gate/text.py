"""The Gate as a text for a terminal: what ran, the table, and why a measure is not ok."""

from __future__ import annotations

from collections.abc import Iterator

from edge_opt.results.gate import table, words
from edge_opt.results.report import tables
from edge_opt.results.report.text import wrapped
from edge_opt.types import Gate


def text(gate: Gate) -> str:
    """The whole text, without colours; the findings are told beside it."""
    tool = f"edge-opt {gate.versions.get('edge-opt', '')}".strip()
    head = wrapped((tool, f"{words.candidate(gate)} against {words.against(gate)}", *words.facts(gate)))
    rows = tables.draw(table.columns(gate)) if gate.decisions else [words.verdict(gate)]
    blocks = [[*head], rows, [*_told(gate)]]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _told(gate: Gate) -> Iterator[str]:
    """What was seen and what would decide it, as a finding is told; of what improved, the table says enough.

    Not so by stored values: that is the weaker comparison, which its message says.
    """
    for one in words.worst_first(gate):
        if one.outcome != "improved" or one.basis == "stored":
            yield f"{words.happened(one)}: {words.why(one)}"
            yield from _hint(words.clean(one.hint))
    for name, message, hint in words.caveats(gate):
        yield f"{name}: {message}" if name else message
        yield from _hint(hint)


def _hint(hint: str) -> Iterator[str]:
    if hint:
        yield f"  hint: {hint}"
