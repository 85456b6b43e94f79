"""The Report as a text for a terminal: header, table, what broke, what to know, what it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edge_opt import units
from edge_opt.results.report import ladder, tables, words
from edge_opt.results.report.language import language
from edge_opt.results.report.symptoms import told
from edge_opt.types import Report

HEADER_WIDTH = 130
SEPARATOR = " · "


def text(report: Report) -> str:
    """The whole text, without colours."""
    columns, constant = tables.columns(report)
    blocks = [
        [*wrapped((*_header(report), *constant))],
        [*tables.draw(columns), *tables.legend(report, columns)],
        [*ladder.text(report)],
        [*_nets(report)],
        [*_broken(report)],
        [*_findings(report)],
        [*_symptoms(report)],
        [*_conclusion(report)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _header(report: Report) -> Iterator[str]:
    yield words.tool(report)
    yield report.model.path.name
    yield words.machine(report)
    yield ", ".join((*words.runtimes(report), words.threads(report)))
    yield f"effort {report.effort}"
    yield words.kinds(report)


def wrapped(parts: Iterable[str], width: int = HEADER_WIDTH) -> Iterator[str]:
    """Lines of ``parts`` with a dot between them; no part is broken."""
    line = ""
    for part in parts:
        if line and len(line) + len(SEPARATOR) + len(part) > width:
            yield line
            line = part
        else:
            line = f"{line}{SEPARATOR}{part}" if line else part
    yield line


def _nets(report: Report) -> Iterator[str]:
    """The networks that passes made, one line each: the documents have them layer by layer."""
    for net in report.nets:
        trained = net.changes[-1].trained
        taught = f", trained for {sum(one.epochs for one in trained)} epochs in {units.format_seconds(net.seconds)}"
        yield (
            f"network {net.name}: {units.format_count(net.parameters)} parameters, "
            f"{units.format_count(net.macs)} multiply-accumulates{taught if trained else ''}: {net.path.as_posix()}"
        )


def _broken(report: Report) -> Iterator[str]:
    for failure in report.failures:
        yield f"failed at {failure.stage}: {failure.id}: {words.one_line(failure.message)}"
        if failure.hint:
            yield f"  hint: {words.one_line(failure.hint)}"
    for id, reason in words.untimed(report):
        yield f"not timed: {id}: {reason}"
    for one in report.skipped:
        yield f"not tried: {one.id}: {words.one_line(one.reason)}"


def _findings(report: Report) -> Iterator[str]:
    for finding in words.findings(report):
        yield f"{finding.level}[{finding.code}] {words.one_line(finding.message)}"
        if finding.hint:
            yield f"  hint: {words.one_line(finding.hint)}"


def _symptoms(report: Report) -> Iterator[str]:
    """What limits the model, by name: the documents have the evidence and what to do."""
    found = report.diagnosis.symptoms if report.diagnosis else ()
    if found:
        yield "what limits the model (report.html says why, and what to do):"
    for one in found:
        yield f"  {one.severity}[{one.code}] {told(one, language('en')).title}"


def _conclusion(report: Report) -> Iterator[str]:
    yield words.original(report)
    yield f"best: {report.best}: {words.best(report)}"
    yield f"{words.certificate(report)}; {words.ledger(report)}"
    yield from words.retimed(report)
