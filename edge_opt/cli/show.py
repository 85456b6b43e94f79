"""The commands that read, and how the results of the single steps are printed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from edge_opt import registry, units
from edge_opt.cli import options
from edge_opt.flows import api
from edge_opt.flows.bench import Benchmarks
from edge_opt.flows.convert import Converted
from edge_opt.flows.evaluate import Evaluated
from edge_opt.inputs import recipes as recipe_table
from edge_opt.inputs import targets as target_table
from edge_opt.results.report import raw, render, tables
from edge_opt.results.report.tables import Column
from edge_opt.store import dump
from edge_opt.types import Interval, Measured, Recipe, Target

Rows = Sequence[Mapping[str, str]]

_listing = click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format of the result."
)


@click.command()
@click.argument("run", type=options.PATH)
@click.option(
    "--format",
    type=click.Choice(["text", "md", "html", "csv", "json"]),
    default="text",
    show_default=True,
    help="Format of the result.",
)
@options.lang
def report(run: Path, format: Any, lang: str) -> None:
    """Print the report of the run folder RUN.

    Markdown and HTML are the documents that the run folder holds too; HTML is one file with its pictures inside. Text,
    CSV and JSON are the same in every language.
    """
    click.echo(render(api.load_report(run), format, lang=lang, folder=run), nl=False)


@click.command()
@click.argument("name", required=False)
@_listing
def targets(name: str | None, format: str) -> None:
    """List the target profiles, or show the one called NAME (or in the file NAME)."""
    found = [target_table.load(one) for one in ([name] if name else target_table.names())]
    if format == "json":
        click.echo(_json(found[0] if name else found))
        return
    for one in found:
        facts = {
            "formats": ", ".join(one.formats),
            "runtimes": ", ".join(one.runtimes),
            "threads": ", ".join(map(str, one.threads)),
            "needs": ", ".join(flag.replace("|", " or ") for flag in one.isa),
            "lacks": ", ".join(one.isa_absent),
            "limits": _limits(one),
        }
        _entry(one.name, one.description, facts)


@click.command()
@click.argument("name", required=False)
@_listing
def recipes(name: str | None, format: str) -> None:
    """List the recipes and the formats that have them, or show the one called NAME (or in the file NAME).

    Passes change the network first, and stand before a recipe: strided+slim50+static_int8.
    """
    passes = () if name else recipe_table.passes()
    found = [recipe_table.load(one) for one in ([name] if name else (*recipe_table.names(), *passes))]
    if format == "json":
        click.echo(_json(found[0] if name else found))
        return
    for one in found:
        if one.passes and not name:
            word = one.passes[0]
            _entry(f"{word}+…", f"{recipe_table.says(word)}.", {"words": recipe_table.words_of(word)})
        else:
            _entry(one.name, one.description, {"formats": _formats(one)})


def _entry(name: str, description: str, facts: Mapping[str, str]) -> None:
    """One entry of a list: its name, what it is, and the facts that it has."""
    click.echo(click.style(name, bold=True))
    click.echo(click.wrap_text(description, width=100, initial_indent="  ", subsequent_indent="  "))
    for title, text in facts.items():
        if text:
            click.echo(f"  {title}: {text}")


def print_benched(found: Benchmarks, format: str) -> None:
    """The measured artifacts as a table, or with their raw samples as JSON; the others are said on stderr."""
    rows = found.rows
    unit = units.time_unit(min((one.measured.median_ns for one in rows), default=0.0))
    _print(
        [
            {
                "artifact": str(one.artifact),
                "runtime": one.measured.runtime_version,
                "threads": str(one.measured.threads),
                "size": units.format_bytes(one.size_bytes),
                f"latency {unit}": units.format_time(one.measured.median_ns, unit, one.measured.half_iqr_ns),
                f"p90 {unit}": units.format_time(one.measured.p90_ns, unit),
                "load": units.format_duration(one.measured.load_ns),
                "memory": units.format_bytes(one.measured.memory_bytes),
                "speed-up": _speed_up(one.measured) if position else units.format_ratio(1.0),
            }
            for position, one in enumerate(rows)
        ],
        list(rows),
        format,
        csv=[
            {
                "artifact": str(one.artifact),
                "runtime": one.measured.runtime,
                "options": raw.pairs(one.measured.options),
                "threads": one.measured.threads,
                "size_bytes": one.size_bytes,
                **raw.times(one.measured),
            }
            for one in rows
        ],
    )
    for failed in found.failures:
        print_failed(f"{failed.artifact} by {failed.runtime}", failed.message, failed.hint)


def print_evaluated(rows: Sequence[Evaluated], format: str) -> None:
    """The evaluated artifacts as a table; the drop is paired with the first one."""
    metric = rows[0].accuracy.metric if rows else "top1"
    _print(
        [
            {
                "artifact": str(one.artifact),
                "runtime": one.runtime,
                "size": units.format_bytes(one.size_bytes),
                "samples": units.format_count(len(one.accuracy.scores)),
                f"{metric} %": units.format_percent(one.accuracy.value, unit=False),
                "95 % interval": _between(one.interval),
                f"Δ {metric} pp": tables.change(one.verdict.drop) if position else tables.NONE,
                "verdict": tables.VERDICTS[one.verdict.status] if position else "baseline",
            }
            for position, one in enumerate(rows)
        ],
        list(rows),
        format,
        csv=[
            {
                "artifact": str(one.artifact),
                "runtime": one.runtime,
                "size_bytes": one.size_bytes,
                "samples": len(one.accuracy.scores),
                "metric": one.accuracy.metric,
                **raw.spread_out("accuracy", "_fraction", one.interval),
                **raw.spread_out("drop", "_fraction", one.verdict.drop if position else None),
                "drop_limit_fraction": one.verdict.limit,
                "verdict": one.verdict.status if position else "baseline",
            }
            for position, one in enumerate(rows)
        ],
    )


def print_converted(made: Converted, format: str) -> None:
    """The artifacts that were written; what could not be made is said on stderr."""
    _print(
        [
            {
                "recipe": one.recipe,
                "format": " ".join(filter(None, (one.format, one.variant))),
                "size": units.format_bytes(one.size_bytes),
                "gzip": units.format_bytes(one.compressed_bytes),
                "path": str(one.path),
            }
            for one in made.artifacts
        ],
        made,
        format,
        left=True,
    )
    for one in made.failures:
        print_failed(f"{one.id} at {one.stage}", one.message, one.hint)


def print_failed(what: str, message: str, hint: str) -> None:
    """What went wrong beside a result, on stderr."""
    click.echo(f"failed: {what}: {message}" + (f"\n  hint: {hint}" if hint else ""), err=True)


def _print(rows: Rows, noun: Any, format: str, *, left: bool = False, csv: Sequence[Mapping[str, Any]] = ()) -> None:
    """``rows`` as a table, ``noun`` as JSON, or ``csv``: raw numbers, with their units in the names of the columns.

    In a text, names stand to the left and numbers to the right.
    """
    if format == "json":
        click.echo(_json(noun))
    elif format == "csv":
        click.echo(raw.table(csv), nl=False)
    elif rows:
        columns = [
            Column(title, tuple(row[title] for row in rows), right=not left and position > 0)
            for position, title in enumerate(rows[0])
        ]
        click.echo("\n".join(tables.draw(columns, rule=format == "md")))


def _json(noun: Any) -> str:
    return json.dumps(dump(noun), separators=(",", ":"), ensure_ascii=False)


def _speed_up(measured: Measured) -> str:
    return tables.speed_up(measured.speed_up) if measured.speed_up else tables.NONE


def _between(interval: Interval) -> str:
    low, high = (units.format_percent(bound, unit=False) for bound in (interval.low, interval.high))
    return f"{low} … {high}"


def _formats(recipe: Recipe) -> str:
    """The formats that have ``recipe``, with their variants."""
    found = []
    for name in registry.names("exporters"):
        variants = registry.load("exporters", name).variants(recipe.quantization, "saved_model")
        if variants:
            found.append(" ".join(filter(None, (name, "/".join(filter(None, variants))))))
    return ", ".join(found)


def _limits(target: Target) -> str:
    budget = target.budget
    parts = [f"drop {units.format_pp(budget.max_drop)}"]
    if budget.max_latency_ns is not None:
        parts.append(f"p90 {units.format_duration(budget.max_latency_ns)}")
    if budget.max_size_bytes is not None:
        parts.append(f"size {units.format_bytes(budget.max_size_bytes)}")
    if budget.max_memory_bytes is not None:
        parts.append(f"memory {units.format_bytes(budget.max_memory_bytes)}")
    return ", ".join(parts)
