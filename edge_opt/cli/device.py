"""``edge-opt device``: a board behind SSH, made ready once, looked at, and left as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from edge_opt import units
from edge_opt.cli import options
from edge_opt.cli.progress import Progress
from edge_opt.flows.machines import boards
from edge_opt.flows.machines.boards import Checked
from edge_opt.results.report import tables
from edge_opt.store import dump

_ADDRESS = click.argument("address", metavar="ADDRESS")
_listing = click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format of the result."
)


@click.group()
def device() -> None:
    """Make a board ready for measuring, look at it, or remove all that edge-opt has there.

    ADDRESS is as ssh://pi@raspberrypi.local, with a port where it is not 22. The system's ssh goes there, with your
    configuration, keys and known hosts: where 'ssh pi@raspberrypi.local true' works without a question, so does this.
    """


@device.command("setup")
@_ADDRESS
@click.option(
    "--runtime", default="", metavar="NAME,...", help="The runtimes to send.  [default: all that fit the board]"
)
@_listing
@options.said
@click.pass_context
def setup(ctx: click.Context, /, address: str, runtime: str, format: str, **said: bool) -> None:
    """Send the worker and the runtimes to the board at ADDRESS, and run a model with each of them there.

    The wheels are fetched by this machine, so the board needs no internet. All of it lies in one folder of the board,
    ~/.edge-opt. What is there already is not sent again.
    """
    chosen = tuple(name.strip() for name in runtime.split(",") if name.strip())
    with Progress(quiet=said["quiet"], verbose=said["verbose"]) as watch:
        found = boards.setup(address, chosen, watch)
        for finding in found.findings:
            watch.finding(finding)
    _print(ctx, found, format)


@device.command("check")
@_ADDRESS
@_listing
@options.said
@click.pass_context
def check(ctx: click.Context, /, address: str, format: str, **said: bool) -> None:
    """Show what the board at ADDRESS is and has, and run a model with each runtime there.

    Exit code 2: a runtime does not work.
    """
    with Progress(quiet=said["quiet"], verbose=said["verbose"]) as watch:
        found = boards.check(address, watch)
        for finding in found.findings:
            watch.finding(finding)
    _print(ctx, found, format)


@device.command("clean")
@_ADDRESS
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def clean(address: str, debug: bool) -> None:
    """Remove the one folder of the board at ADDRESS in which all that edge-opt sent there lies."""
    folder, size_bytes = boards.clean(address)
    click.echo(f"removed: {folder} ({units.format_bytes(size_bytes)})" if size_bytes else f"nothing is there: {folder}")


def _print(ctx: click.Context, found: Checked, format: str) -> None:
    if format == "json":
        whole: dict[str, Any] = {**dump(found), "works": found.works}
        click.echo(json.dumps(whole, separators=(",", ":"), ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(found)))
    for name, why in found.left_out.items():
        click.echo(f"note: {name} was skipped: {why}", err=True)
    for one in found.runtimes:
        if one.problem:
            click.echo(f"error: {one.name}: {one.problem}\n  hint: {one.hint or 'set the board up again'}", err=True)
    if not found.works:
        ctx.exit(2)


def _now(found: Checked) -> Iterator[str]:
    """What the board is doing, as far as it tells."""
    state = found.state
    if state.frequencies_hz:
        yield f"{units.format_hz(max(state.frequencies_hz))}, governor {state.governor or 'unknown'}"
    if state.temperature_c is not None:
        yield units.format_celsius(state.temperature_c)
    if state.throttled is not None:
        yield "the firmware holds nothing back" if not state.throttled & 0xF else "held back by the firmware"
    yield f"load {units.format_spread(state.load_average)}"


def _lines(found: Checked) -> Iterator[str]:
    machine = found.machine
    free, taken = units.format_bytes(found.free_bytes), units.format_bytes(found.taken_bytes)
    facts = {
        "board": machine.board or "unknown",
        "processor": f"{machine.cpu} · {machine.machine} · {units.format_bytes(machine.ram_bytes)} of memory",
        "system": f"{found.system} · {machine.system} · {found.glibc} · Python {found.python}",
        "now": " · ".join(filter(None, _now(found))),
        "disk": f"{free} free, {taken} in ~/.edge-opt",
    }
    width = max(map(len, facts))
    for name, text in facts.items():
        if text:
            yield f"{name:<{width}}  {text}"
    yield ""
    rows = found.runtimes
    yield from tables.draw(
        [
            tables.Column("runtime", tuple(one.name for one in rows), right=False),
            tables.Column("version", tuple(one.version for one in rows), right=False),
            tables.Column("", tuple("BROKEN" if one.problem else "works" for one in rows), right=False),
        ]
    )
