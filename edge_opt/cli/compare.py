"""``edge-opt compare``: runs, artifacts, formats and runtimes side by side."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edge_opt.cli import options
from edge_opt.cli.progress import Progress
from edge_opt.cli.show import print_failed
from edge_opt.flows import api
from edge_opt.results.report.side_by_side import Comparison, render


@click.command()
@click.argument("paths", type=options.PATH, nargs=-1, required=True, metavar="RUN|ARTIFACT...")
@click.option("--all", "everything", is_flag=True, help="Show every trial of a run, not only those on its front.")
@click.option("-d", "--data", type=options.PATH, default=None, help="Data to measure the accuracy of artifacts on.")
@options.target
@options.devices
@options.runtimes
@options.threads
@options.rounds
@options.max_drop
@options.seed
@options.format
@options.said
@click.pass_context
def compare(
    ctx: click.Context, /, paths: tuple[Path, ...], everything: bool, threads: int | None, format: str, **rest: Any
) -> None:
    """Show runs and artifacts side by side: one row each, and only the columns that vary.

    A RUN is the folder that optimize wrote, or its report.json; rows of the same artifact stand together. Artifact
    files are measured now, all of them together, as bench does, and with --data as evaluate does.

    What cannot be measured is said with its reason, the others are printed, and the exit code is 2.
    """
    quiet, verbose, _ = rest.pop("quiet"), rest.pop("verbose"), rest.pop("debug")
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found = api.compare(paths, threads=threads or 0, watch=watch, **rest)
    print_comparison(found, format, everything=everything, quiet=quiet)
    if found.failures:
        ctx.exit(2)


def print_comparison(found: Comparison, format: str, *, everything: bool = False, quiet: bool = False) -> None:
    """The rows on stdout, on a terminal no wider than it is; findings and what could not be measured on stderr."""
    with Progress(quiet=quiet) as watch:
        for finding in found.findings:
            watch.finding(finding)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    click.echo(render(found, format, everything=everything, width=width), nl=False)
    for failed in found.failures:
        print_failed(failed.id, failed.message, failed.hint)


def worst(codes: Sequence[int]) -> int:
    """What a command exits with whose parts would exit with ``codes``: 2 before 1 before 3 before 0."""
    return max(codes, key=(0, 3, 1, 2).index)
