"""The commands about emulated ARM processors, which show that a model answers right where no board is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from edge_opt.cli import options
from edge_opt.cli.progress import Progress
from edge_opt.flows.machines import emulator as flow
from edge_opt.flows.machines.emulator import Checked
from edge_opt.results.report import tables

_ARCH = click.option(
    "--arch",
    default="arm64",
    show_default=True,
    metavar="arm64|armhf",
    help="64-bit or 32-bit ARM, as Debian names it.",
)
_QEMU = click.option("--qemu", type=options.PATH, metavar="FILE", help="Another QEMU, whatever its version.")
_CPU = click.option("--cpu", default="", metavar="NAME", help="The processor to check, as cortex-a76.")


@click.group()
def emulator() -> None:
    """Set up, check or remove an emulated ARM system, on which models are evaluated without a board.

    Its answers are those of ARM's kernels. It measures no latency: an emulated processor has no latency.
    """


@emulator.command("setup")
@_ARCH
@_QEMU
@_CPU
@options.said
def setup(arch: str, qemu: Path | None, cpu: str, quiet: bool, verbose: bool, debug: bool) -> None:
    """Fetch an emulated ARM system, and check that it computes what this machine does.

    It needs no root privileges: it is a folder in your cache folder, 0.4 GB for arm64. It is there whole or not at
    all; one that works is left as it is. Then: edge-opt evaluate ARTIFACT -d DATA -t arm64-emulated.
    """
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found = flow.setup(arch, watch, qemu, cpu)
    _show(found)


@emulator.command("check")
@_ARCH
@_QEMU
@_CPU
@options.said
def check(arch: str, qemu: Path | None, cpu: str, quiet: bool, verbose: bool, debug: bool) -> None:
    """Check that an emulated processor computes what this machine does: one line for each runtime.

    Exit code 0: it does; 2: it does not, or could not be checked.
    """
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found = flow.check(arch, watch, cpu, qemu)
    _show(found)


@emulator.command("clean")
@click.option("--arch", default="", metavar="arm64|armhf", help="Only this one; all of them without it.")
def clean(arch: str) -> None:
    """Remove the emulated systems."""
    for line in [f"removed: {folder}" for folder in flow.clean(arch)] or ["no emulated system is there"]:
        click.echo(line)


def _show(found: Checked) -> None:
    """The processor, and a line for each runtime."""
    click.echo(f"{found.cpu}, emulated by {found.qemu}: {found.path}")
    columns = [
        tables.Column("runtime", tuple(one.runtime for one in found.runtimes), right=False),
        tables.Column("version", tuple(one.version for one in found.runtimes), right=False),
        tables.Column("int8", tuple(_apart(one.differences, "int8") for one in found.runtimes), right=False),
        tables.Column("float32", tuple(_apart(one.differences, "float32") for one in found.runtimes), right=False),
    ]
    click.echo("\n".join(tables.draw(columns)))


def _apart(differences: Mapping[str, float], precision: str) -> str:
    """In words, how far the answers lie from those of this machine."""
    if precision not in differences:
        return "-"
    return "identical" if differences[precision] == 0 else f"within {differences[precision]:.1g}"
