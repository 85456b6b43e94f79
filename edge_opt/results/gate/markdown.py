"""The Gate as the summary of a CI job: the verdict, the table, the intervals, and what is needed where it is not ok."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edge_opt import units
from edge_opt.results.gate import plot, table, words
from edge_opt.results.report import markdown as writing
from edge_opt.results.report import tables
from edge_opt.results.report.document.blocks import Code, Inlines, Strong
from edge_opt.types import Decision, Finding, Gate

_LEVELS = {"error": 0, "warning": 1, "info": 2}
_PAIRED = "A paired change is the mean ratio of its pairs; the columns are medians, so their ratio may differ from it."


def markdown(gate: Gate) -> str:
    """The whole document."""
    blocks = [
        [_headline(gate)],
        [_facts(gate)],
        _table(gate),
        [*_paired(gate)],
        _plot(gate),
        [*_needs(gate)],
        [*_findings(gate)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _headline(gate: Gate) -> str:
    names = Code(words.candidate(gate)), " against ", Code(words.against(gate))
    return f"### {writing.line((*names, f': {words.verdict(gate)}'))}"


def _facts(gate: Gate) -> str:
    known = (*words.facts(gate), f"took {units.format_seconds(gate.seconds)}")
    return writing.escape(" · ".join(known))


def _table(gate: Gate) -> list[str]:
    if not gate.decisions:
        return []
    escaped = (
        replace(one, title=writing.escape(one.title), cells=tuple(writing.escape(cell) for cell in one.cells))
        for one in table.columns(gate)
    )
    return tables.draw([*escaped], rule=True)


def _paired(gate: Gate) -> Iterator[str]:
    if any(one.change and one.basis in ("pairs", "rounds") for one in gate.decisions):
        yield _PAIRED


def _plot(gate: Gate) -> list[str]:
    lines = plot.drawn(gate.decisions)
    return ["```text", *lines, "```", "", plot.MEANS] if lines else []


def _needs(gate: Gate) -> Iterator[str]:
    for one in words.worst_first(gate):
        yield f"- {writing.line(_need(one))}"
    for name, message, hint in words.caveats(gate):
        said = " — ".join(filter(None, (message, hint)))
        yield f"- {writing.line((Strong(name), f': {said}') if name else (said,))}"


def _need(decision: Decision) -> Inlines:
    hint = f" — {words.clean(decision.hint)}" if decision.hint else ""
    return Strong(words.happened(decision)), f": {words.why(decision)}{hint}"


def _findings(gate: Gate) -> Iterator[str]:
    for one in sorted(gate.findings, key=lambda one: _LEVELS[one.level]):
        yield f"- {writing.line(_finding(one))}"


def _finding(finding: Finding) -> Inlines:
    hint = f" — {words.clean(finding.hint)}" if finding.hint else ""
    return Strong(f"{finding.level} {finding.code}"), f": {words.clean(finding.message)}{hint}"
