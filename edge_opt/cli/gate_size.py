"""``edge-opt gate size``: fail where an artifact grew since a commit."""

from __future__ import annotations

from pathlib import Path

import click

from edge_opt import units
from edge_opt.cli import options
from edge_opt.flows.gate.size import FAILED, GROWTH, REV, Sized, sizes


@click.command()
@click.argument("files", type=options.PATH, nargs=-1, required=True, metavar="FILE...")
@click.option("--rev", default=REV, show_default=True, help="The commit to compare the files with.")
@click.option("--size", default=GROWTH, show_default=True, metavar="SHARE", help="How much a file may grow.")
@click.option("--max", "most", default="", metavar="500kB", help="How large a file may be, even a new one.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def size(ctx: click.Context, /, files: tuple[Path, ...], rev: str, size: str, most: str, debug: bool) -> None:
    """Compare the size of each FILE with its size in git, without running anything: for a pre-commit hook.

    OpenVINO and ONNX count together with the weights beside them. A new file is ok unless it is larger than --max.

    Exit code 0: none grew by more than --size; 1: one did, or is larger than --max; 2: something went wrong.
    """
    found = sizes(files, rev=rev, growth=size, most=most)
    width = max(len(one.status) for one in found)
    for one in found:
        click.echo(f"{one.status:<{width}}  {one.path}  {_said(one, rev, size, most)}")
    ctx.exit(1 if any(one.status in FAILED for one in found) else 0)


def _said(one: Sized, rev: str, growth: str, most: str) -> str:
    """What it is and was: ``3.54 MiB (gzip 3.12 MiB), +0.41% since HEAD``."""
    if one.status == "skipped":
        return "not an OpenVINO network"
    zipped = "" if one.compressed_bytes is None else f" (gzip {units.format_bytes(one.compressed_bytes)})"
    said = f"{units.format_bytes(one.size_bytes)}{zipped}"
    if one.before_bytes is None:
        said += f", not in {rev}"
    elif one.before_bytes == one.size_bytes:
        said += f", as in {rev}"
    elif one.before_bytes == 0:
        said += f", empty in {rev}"
    else:
        change = one.size_bytes / one.before_bytes - 1
        said += f", {'+' if change > 0 else ''}{units.format_percent(change)} since {rev}"
    broken = {"grown": f": more than --size {growth}", "too large": f": more than --max {most}"}
    return said + broken.get(one.status, "")
