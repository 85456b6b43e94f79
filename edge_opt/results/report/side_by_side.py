"""Runs and artifacts side by side: one row for each artifact as one runtime ran it, and only the columns that vary.

Rows of the same artifact, which is known by the hash of its files, stand together. What all rows share is said once
above the table. CSV and JSON hold every row with raw numbers.
"""

from __future__ import annotations

import json as json_writer
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from edge_opt import store, units
from edge_opt.results.report import tables, text
from edge_opt.results.report.raw import pairs, spread_out, table
from edge_opt.results.report.tables import BEST, NONE, Column
from edge_opt.types import Failure, Finding, Interval, Metric

T = TypeVar("T")
# What a narrow screen can do without, the first to go first; Markdown, CSV and JSON keep everything.
_SPARED = ("gzip", "p90", "memory", "machine", "runtime", "size", "top1", "agreement")
_SHARED = ("artifact", "model", "format", "runtime", "size", "gzip")  # the same for all rows of one artifact


@dataclass(frozen=True, kw_only=True)
class Row:
    """An artifact as one runtime ran it: in a run, or now. What is not known is None, or empty."""

    run: str  # the folder of the run; "" where it was timed now
    artifact: str  # the recipe's name in a run, the file's path otherwise
    model: str
    target: str
    machine: str
    threads: int
    format: str
    runtime: str  # with its version
    options: Mapping[str, str]
    sha256: str
    size_bytes: int
    compressed_bytes: int
    best: bool = False
    baseline: bool = False
    front: bool = True  # worth a line in a comparison of runs
    median_ns: Interval | None = None  # over the rounds
    half_iqr_ns: float | None = None
    p90_ns: float | None = None
    memory_bytes: int | None = None
    speed_up: Interval | None = None  # over the baseline of its run; over the first artifact
    against_first: Interval | None = None  # how many times faster than in the first run that holds the same artifact
    metric: Metric | None = None
    accuracy: Interval | None = None
    samples: int | None = None
    drop: Interval | None = None
    verdict: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The rows in the order in which they are shown, and what is to be known before one believes them."""

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()
    version: str = ""  # of edge-opt


def render(comparison: Comparison, format: str, *, everything: bool = False, width: int = 0) -> str:
    """``comparison`` as ``text``, ``md``, ``csv`` or ``json``, ending in a line break.

    Text and Markdown show of a run what is on its front, and with ``everything`` the other trials too; a text that
    would be wider than ``width`` leaves columns out, and says which.
    """
    if format == "json":
        return json_writer.dumps(store.dump(comparison), separators=(",", ":"), ensure_ascii=False) + "\n"
    if format == "csv":
        return table([_raw(row) for row in comparison.rows])
    rows = comparison.rows if everything else tuple(row for row in comparison.rows if row.front)
    return _shown(comparison, rows, rule=format == "md", width=width)


def _shown(comparison: Comparison, rows: Sequence[Row], *, rule: bool, width: int) -> str:
    every = _columns(rows)
    kept, constant = every[:1], []
    for column in every[1:]:
        if set(column.cells) == {NONE} or set(column.cells) == {""}:
            continue
        if column.varies or len(rows) == 1:
            kept.append(column)
        else:
            constant.append(f"{column.title} {column.cells[0]}")
    left_out = []
    for title in _SPARED if width else ():
        if _width(kept) > width and any(column.title.startswith(title) for column in kept):
            left_out.append(title)
            kept = [column for column in kept if not column.title.startswith(title)]
    notes = [
        f"{BEST} the best of its run" if any(row.best for row in rows) else "",
        tables.even_means(row.speed_up for row in rows) if tables.has_even(kept) else "",
        f"left out for the width: {', '.join(left_out)}; --format csv has everything" if left_out else "",
        f"{len(comparison.rows) - len(rows)} trials that another one beats are not shown: --all shows them"
        if len(rows) < len(comparison.rows)
        else "",
    ]
    header = [*text.wrapped((f"edge-opt {comparison.version}".strip(), *constant))]
    body = tables.draw([_once(column, rows) for column in kept], rule=rule)
    if rule:  # a paragraph of its own each
        return "\n\n".join([*header, "\n".join(body), *(note for note in notes if note)]) + "\n"
    return "\n".join([*header, "", *body, *(note for note in notes if note)]) + "\n"


def _width(columns: Sequence[Column]) -> int:
    return 1 + sum(3 + max(len(cell) for cell in (column.title, *column.cells)) for column in columns)


def _once(column: Column, rows: Sequence[Row]) -> Column:
    """``column`` with what all rows of one artifact share written in the first of them."""
    if not column.title.startswith(_SHARED):
        return column
    cells = [
        "" if place and _same(rows[place - 1], rows[place]) and column.cells[place - 1] == cell else cell
        for place, cell in enumerate(column.cells)
    ]
    return Column(column.title, tuple(cells), right=column.right)


def _same(first: Row, second: Row) -> bool:
    return first.sha256 == second.sha256 and first.run != second.run


def _columns(rows: Sequence[Row]) -> list[Column]:
    """Every column, whether it varies or not."""

    def words(title: str, cells: Sequence[str]) -> Column:
        return Column(title, tuple(cells), right=False)

    timed = [row.median_ns.estimate for row in rows if row.median_ns]
    unit = units.time_unit(min(timed, default=1e6))
    named = [" ".join((row.format, *row.options.values())) for row in rows]
    return [
        words("artifact", [f"{BEST if row.best else ' '} {row.artifact}" for row in rows]),
        words("run", _run_names(rows)),
        words("model", [row.model or NONE for row in rows]),
        words("target", [row.target for row in rows]),
        words("machine", [row.machine or NONE for row in rows]),
        Column("threads", tuple(str(row.threads) for row in rows)),
        words("format", named),
        words("runtime", [row.runtime for row in rows]),
        Column("size", tuple(units.format_bytes(row.size_bytes) for row in rows)),
        Column("gzip", tuple(units.format_bytes(row.compressed_bytes) for row in rows)),
        Column(f"latency {unit}", tuple(_latency(row, unit) for row in rows)),
        Column(f"p90 {unit}", tuple(_known(row.p90_ns, lambda ns: units.format_time(ns, unit)) for row in rows)),
        Column("memory", tuple(_known(row.memory_bytes, units.format_bytes) for row in rows)),
        *(column for metric in get_args(Metric) for column in _scores(rows, metric)),
        Column("speed-up", tuple(_ratio(row.speed_up, row.baseline and row.median_ns is not None) for row in rows)),
        Column("vs first run", tuple(_ratio(row.against_first) for row in rows)),
        words("verdict", [tables.VERDICTS.get(row.verdict, row.verdict) or NONE for row in rows]),
    ]  # fmt: skip


def _run_names(rows: Sequence[Row]) -> list[str]:
    """The runs, unless target and threads already tell them apart."""
    places = {(row.model, row.target, row.machine, row.threads) for row in rows}
    if len(places) == len({(row.run, row.model, row.target, row.machine, row.threads) for row in rows}):
        return ["" for _ in rows]
    return [row.run or "now" for row in rows]


def _latency(row: Row, unit: units.TimeUnit) -> str:
    if row.median_ns is None:
        return "not timed"
    return units.format_time(row.median_ns.estimate, unit, row.half_iqr_ns)


def _scores(rows: Sequence[Row], metric: Metric) -> Iterator[Column]:
    """The two columns of ``metric``: a run without labels has another one, and the two are no numbers to compare."""
    yield Column(f"{metric} %", tuple(_accuracy(row) if row.metric == metric else NONE for row in rows))
    drops = [NONE if row.baseline or row.metric != metric else _known(row.drop, tables.change) for row in rows]
    yield Column(f"Δ {metric} pp", tuple(drops))


def _accuracy(row: Row) -> str:
    if row.accuracy is None:
        return NONE
    half = max(row.accuracy.estimate - row.accuracy.low, row.accuracy.high - row.accuracy.estimate)
    return units.format_pp(row.accuracy.estimate, half, unit=False)


def _known(value: T | None, words: Callable[[T], str]) -> str:
    return NONE if value is None else words(value)


def _ratio(interval: Interval | None, baseline: bool = False) -> str:
    if baseline:
        return units.format_ratio(1.0)
    return tables.speed_up(interval, detailed=False) if interval else NONE


def _raw(row: Row) -> dict[str, Any]:
    return {
        "run": row.run,
        "artifact": row.artifact,
        "model": row.model,
        "target": row.target,
        "machine": row.machine,
        "threads": row.threads,
        "format": row.format,
        "runtime": row.runtime,
        "options": pairs(row.options),
        "best": str(row.best).lower(),
        "baseline": str(row.baseline).lower(),
        "front": str(row.front).lower(),
        "size_bytes": row.size_bytes,
        "compressed_bytes": row.compressed_bytes,
        **spread_out("median", "_ns", row.median_ns),
        "half_iqr_ns": row.half_iqr_ns,
        "p90_ns": row.p90_ns,
        "memory_bytes": row.memory_bytes,
        **spread_out("speed_up", "_ratio", row.speed_up),
        **spread_out("against_first_run", "_ratio", row.against_first),
        "metric": row.metric or "",
        **spread_out("accuracy", "_fraction", row.accuracy),
        "samples": row.samples,
        **spread_out("drop", "_fraction", row.drop),
        "verdict": row.verdict,
        "sha256": row.sha256,
    }
