"""The commands about the machine: what works here, and whether a bundle keeps its promises here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from edge_opt.cli import options
from edge_opt.cli.progress import Progress
from edge_opt.flows import runtimes
from edge_opt.results.report import tables
from edge_opt.store import dump

_listing = click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format of the result."
)
_NAME = click.argument("name")


@click.group()
def runtime() -> None:
    """Set up, list or remove runtimes that need an environment of their own."""


@runtime.command("add")
@_NAME
@options.said
def runtime_add(name: str, quiet: bool, verbose: bool, debug: bool) -> None:
    """Set up the runtime NAME in an environment of its own, and run a model to prove that it works.

    The environment is a folder in your data folder. It is there whole or not at all; one that works is left as it is.
    """
    with Progress(quiet=quiet, verbose=verbose) as watch:
        made = runtimes.add(name, watch)
    click.echo(f"{made.version}: {made.path}")


@runtime.command("list")
@_listing
def runtime_list(format: str) -> None:
    """List every runtime: whether it is installed, where, or the command that installs it."""
    known = runtimes.every()
    if format == "json":
        _json(known)
        return
    _table(
        [
            {
                "runtime": one.name,
                "formats": ", ".join(one.formats),
                "installed": one.version if one.installed else "no",
                "where, or how": (str(one.path or one.place) if one.installed else one.command),
            }
            for one in known
        ]
    )


@runtime.command("remove")
@_NAME
def runtime_remove(name: str) -> None:
    """Remove the environment of the runtime NAME."""
    click.echo(f"removed: {runtimes.remove(name)}")


def _table(rows: Sequence[Mapping[str, str]]) -> None:
    """The rows under the names of their first one's cells."""
    columns = [tables.Column(title, tuple(row[title] for row in rows), right=False) for title in rows[0]]
    click.echo("\n".join(tables.draw(columns)))


def _json(noun: Any) -> None:
    click.echo(json.dumps(dump(noun), separators=(",", ":"), ensure_ascii=False))
