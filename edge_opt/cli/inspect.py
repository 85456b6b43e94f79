"""``edge-opt inspect``: the operators of artifacts as tables, heaviest first, and where the time goes by precision."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from edge_opt import units
from edge_opt.cli import options
from edge_opt.cli.progress import Progress
from edge_opt.flows import api
from edge_opt.flows.inspect import Inspected
from edge_opt.results.report import tables
from edge_opt.results.report.tables import Column
from edge_opt.stages.profile import per_precision, short_names
from edge_opt.store import dump
from edge_opt.types import OperatorProfile

_SHOWN = 20  # a screen; few models have more operators that matter
_PROFILED = "times are taken with the profiler on, which slows: they do not add up to the latency"

Row = Mapping[str, str]


@click.command()
@options.artifacts
@options.target
@options.devices
@options.runtime
@options.threads
@click.option("--all", "whole", is_flag=True, help=f"Show every operator, not the heaviest {_SHOWN} only.")
@options.format
@options.said
def inspect(artifacts: tuple[Path, ...], threads: int | None, whole: bool, format: str, **rest: Any) -> None:
    """Show what each ARTIFACT is executed as: its operators, the heaviest first, their precision and their time.

    Times are shares: a profiler slows the small operators more than the large ones. LiteRT has no profiler that Python
    can ask, so its operators stand in the order of execution.
    """
    quiet, verbose, _ = rest.pop("quiet"), rest.pop("verbose"), rest.pop("debug")
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found = api.inspect(artifacts, threads=threads or 0, watch=watch, **rest)
    if format == "json":
        click.echo(json.dumps(dump(list(found)), separators=(",", ":"), ensure_ascii=False))
    elif format == "csv":
        _print_csv(found)
    else:
        click.echo("\n\n".join("\n".join(_page(one, whole, format == "md")) for one in found))
    for one in found:
        for finding in one.findings:
            watch.finding(finding)


def _print_csv(found: Sequence[Inspected]) -> None:
    """Every operator of every artifact with its whole name: nobody reads it on a screen."""
    out = io.StringIO()
    rows = [{"artifact": str(one.artifact), **row} for one in found for row in _rows(one.profile, whole_names=True)]
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    click.echo(out.getvalue(), nl=False)


def _page(one: Inspected, whole: bool, rule: bool) -> list[str]:
    """The heading, the table and the sums of one artifact."""
    seen = one.profile
    head = [str(one.artifact), seen.runtime_version, *seen.options.values(), f"threads {seen.threads}"]
    if seen.inference_ns is not None:
        head.append(f"{units.format_duration(seen.inference_ns)} an inference")
    rows = _rows(seen)
    shown = rows if whole else rows[:_SHOWN]
    lines = [" · ".join(head), "", *_drawn(shown, rule)]
    if len(shown) < len(rows):
        more = units.format_count(len(rows) - len(shown))
        lines.append(f"… and {more} more of {units.format_count(len(rows))}{_rest(seen)}: --all shows them")
    shares = ", ".join(f"{name} {units.format_percent(share, digits=1)}" for name, share in per_precision(seen).items())
    if _timed(seen):
        return [*lines, _PROFILED, "", f"time by precision: {shares}"]
    return [*lines, "", f"operators by precision: {shares}", f"{seen.runtime} has no profiler that tells their times"]


def _rows(profile: OperatorProfile, *, whole_names: bool = False) -> list[Row]:
    timed, names = _timed(profile), short_names(profile.operators)
    return [
        {
            "operator": one.name if whole_names else names[one.name],
            "kind": one.kind,
            "precision": one.precision or tables.NONE,
            "placement": one.placement.removesuffix("ExecutionProvider"),
            **({"share %": _percent(one.time_share), "time": _time(one.median_ns)} if timed else {}),
        }
        for one in profile.operators
    ]


def _drawn(rows: Sequence[Row], rule: bool) -> list[str]:
    titles = list(rows[0]) if rows else []
    columns = [Column(one, tuple(row[one] for row in rows), right=one in ("share %", "time")) for one in titles]
    return tables.draw(columns, rule=rule)


def _rest(profile: OperatorProfile) -> str:
    """What the operators that are not shown take."""
    share = sum(one.time_share or 0.0 for one in profile.operators[_SHOWN:])
    return f", {units.format_percent(share, digits=1)} of the time" if _timed(profile) else ""


def _timed(profile: OperatorProfile) -> bool:
    return any(one.time_share is not None for one in profile.operators)


def _percent(share: float | None) -> str:
    return tables.NONE if share is None else units.format_percent(share, unit=False, digits=1)


def _time(ns: float | None) -> str:
    return tables.NONE if ns is None else units.format_duration(ns)
