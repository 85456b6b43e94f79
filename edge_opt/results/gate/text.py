"""The Gate as a text for a terminal: what ran, and the table."""

from __future__ import annotations

from edge_opt.results.gate import table, words
from edge_opt.results.report import tables
from edge_opt.results.report.text import wrapped
from edge_opt.types import Gate


def text(gate: Gate) -> str:
    """The whole text, without colours; the findings are told beside it."""
    tool = f"edge-opt {gate.versions.get('edge-opt', '')}".strip()
    head = wrapped((tool, f"{words.candidate(gate)} against {words.against(gate)}", *words.facts(gate)))
    rows = tables.draw(table.columns(gate)) if gate.decisions else [words.verdict(gate)]
    return "\n".join((*head, "", *rows)) + "\n"
