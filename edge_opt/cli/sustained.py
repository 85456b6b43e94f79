"""``edge-opt bench --sustained``: what it runs and prints, and the exit code that follows from the latency limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from edge_opt import units
from edge_opt.cli.progress import Progress
from edge_opt.cli.show import print_failed
from edge_opt.flows import api
from edge_opt.flows.sustained import Held, Holding
from edge_opt.results.report import raw, tables
from edge_opt.results.report.tables import Column
from edge_opt.store import dump
from edge_opt.types import Window

_NO_PICTURE = "no picture: it needs the package 'matplotlib', which is not installed: pip install 'edge-opt[report]'"
sustained_option = click.option(
    "--sustained",
    default=None,
    metavar="5m",
    help="Run each ARTIFACT without a pause for this time instead, and compare how fast it stays with its beginning.",
)


def run_sustained(quiet: bool, verbose: bool, format: str, artifacts: tuple[Path, ...], **given: Any) -> int:
    """The exit code, each artifact having run without a pause, and what came of it being printed."""
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found = api.sustain(artifacts, watch=watch, **given)
        for finding in found.findings:
            watch.finding(finding)
    print_sustained(found, format)
    if given["output"] and not quiet:
        click.echo(f"\npicture: {found.picture}" if found.picture else _NO_PICTURE, err=True)
    return exit_code(found)


def print_sustained(found: Holding, format: str) -> None:
    """The beginning and the steady state of each artifact as a table, all windows as JSON or as CSV."""
    if format == "json":
        click.echo(json.dumps(dump(found.rows), separators=(",", ":"), ensure_ascii=False))
    elif format == "csv":
        click.echo(
            raw.table([_raw(held, window) for held in found.rows for window in held.sustained.windows]), nl=False
        )
    elif found.rows:
        unit = units.time_unit(min(held.sustained.first.median_ns for held in found.rows))
        rows = [row for held in found.rows for row in _rows(held, unit)]
        told = [name for name in rows[0] if any(row[name] != tables.NONE for row in rows)]  # not what no board tells
        columns = [
            Column(name, tuple(row[name] for row in rows), right=position > 2) for position, name in enumerate(told)
        ]
        click.echo("\n".join(tables.draw(columns, rule=format == "md")))
    for failed in found.failures:
        print_failed(f"{failed.artifact} by {failed.runtime}", failed.message, failed.hint)


def exit_code(found: Holding) -> int:
    """2 where something could not be run; else 1 where a limit is broken, 3 where nobody can tell, 0."""
    levels = {one.level for one in found.findings if one.code == "EO323"}
    return 2 if found.failures else 1 if "error" in levels else 3 if "warning" in levels else 0


def _rows(held: Held, unit: units.TimeUnit) -> list[dict[str, str]]:
    run = held.sustained
    low, high = (units.format_ratio(bound) for bound in (run.slowdown.low, run.slowdown.high))
    ends = {
        "beginning": (run.first, tables.NONE),
        "steady state" if run.settled else "end, not settled": (
            run.steady,
            f"{units.format_ratio(run.slowdown.estimate)} ({low} … {high})",
        ),
    }
    return [
        {
            "artifact": str(held.artifact),
            "runtime": run.runtime_version,
            "when": f"{name}, {units.format_seconds(stretch.end_s - stretch.start_s)}",
            "threads": str(run.threads),
            f"latency {unit}": units.format_time(stretch.median_ns, unit),
            f"p90 {unit}": units.format_time(stretch.p90_ns, unit),
            "time against beginning": ratio,
            "clock": tables.NONE if stretch.frequency_hz is None else units.format_hz(stretch.frequency_hz),
            "temperature": tables.NONE if (one := stretch.temperature_c) is None else units.format_celsius(one),
        }
        for name, (stretch, ratio) in ends.items()
    ]


def _raw(held: Held, window: Window) -> dict[str, object]:
    state = window.state
    return {
        "artifact": str(held.artifact),
        "runtime": held.sustained.runtime,
        "threads": held.sustained.threads,
        "start_s": window.start_s,
        "runs": window.runs,
        "median_ns": window.median_ns,
        "p90_ns": window.p90_ns,
        "frequency_hz": max(state.frequencies_hz) if state and state.frequencies_hz else None,
        "temperature_c": state.temperature_c if state else None,
        "throttled": state.throttled if state else None,
    }
