"""The commands about the machine: what works here, and whether a bundle keeps its promises here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from edge_opt.cli import options
from edge_opt.cli.progress import Progress
from edge_opt.flows import api
from edge_opt.flows.machines import runtimes
from edge_opt.flows.machines.doctor import Examined
from edge_opt.flows.verify import summary
from edge_opt.results.report import tables
from edge_opt.store import dump

_listing = click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format of the result."
)
_NAME = click.argument("name")

_MARKS = {"kept": "kept", "broken": "BROKEN", "unclear": "unclear", "noted": "noted"}
_EXIT = {"kept": 0, "broken": 1, "unclear": 3}


@click.command()
@_listing
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def doctor(ctx: click.Context, /, format: str, debug: bool) -> None:
    """Show what is installed and works, what each missing package would enable, and what this machine is.

    Every package does a small piece of work in a process of its own, because an import proves nothing. Exit code 0:
    everything that is installed works; 2: something does not.
    """
    found = api.doctor()
    for finding in found.findings:
        Progress().finding(finding)
    if format == "json":
        _json({**dump(found), "healthy": found.healthy})
    else:
        click.echo("\n".join(_examined(found)))
    if not found.healthy:
        ctx.exit(2)


def _examined(found: Examined) -> Iterator[str]:
    """The lines of what the doctor found."""
    there = [one for one in found.parts if one.status != "missing"]
    if there:
        yield from tables.draw(
            [
                tables.Column("installed", tuple(one.package for one in there), right=False),
                tables.Column("version", tuple(one.version for one in there), right=False),
                tables.Column("", tuple("works" if one.status == "works" else "BROKEN" for one in there), right=False),
                tables.Column("to", tuple(one.enables for one in there), right=False),
            ]
        )
        yield ""
    missing = [one for one in found.parts if one.status == "missing"]
    if missing:
        yield from tables.draw(
            [
                tables.Column("missing", tuple(one.package for one in missing), right=False),
                tables.Column("to", tuple(one.enables for one in missing), right=False),
                tables.Column("get it by", tuple(one.command for one in missing), right=False),
            ]
        )
        yield ""
    width = max(len(name) for name in found.machine)
    for name, text in found.machine.items():
        yield f"{name:<{width}}  {text}"


@click.command()
@click.argument("bundle", type=options.PATH)
@click.option("--strict", is_flag=True, help="Hold a processor other than the measured one to them too.")
@click.option(
    "--slack",
    default="25%",
    show_default=True,
    metavar="25%",
    help="How much more time and memory it may take than promised.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=6,
    show_default=True,
    help="Measuring rounds, each in a fresh process.",
)
@_listing
@options.said
@click.pass_context
def verify(
    ctx: click.Context, /, bundle: Path, strict: bool, slack: str, rounds: int, format: str, **said: bool
) -> None:
    """Verify on this machine that BUNDLE keeps its promises: files, answers, latency and memory.

    Needs only the runtime of the model, in this environment. Exit code 0: every promise is kept; 1: one is broken;
    3: edge-opt cannot tell.
    """
    with Progress(quiet=said["quiet"], verbose=said["verbose"]) as watch:
        found = api.verify(bundle, strict=strict, slack=slack, rounds=rounds, watch=watch)
        for check in found.checks:
            if check.finding:
                watch.finding(check.finding)
    if format == "json":
        _json(found)
    else:
        head = " · ".join(f"{name} {value}" for name, value in summary(found).items())
        click.echo("\n".join(filter(None, (f"{bundle}: {_MARKS[found.status]}", head))))
        for check in found.checks:
            click.echo(f"  {_MARKS[check.status]:<8} {check.name:<8} {check.message}")
    ctx.exit(_EXIT[found.status])


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
