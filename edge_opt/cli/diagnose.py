"""``edge-opt diagnose``: what limits a model, the worst first, with its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edge_opt.cli import options
from edge_opt.cli.progress import Progress
from edge_opt.flows import api
from edge_opt.results.report import diagnosis as texts


@click.command()
@options.model
@options.data
@options.history
@options.target
@options.devices
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    default=None,
    help="The folder for the documents and their pictures, and for what need not be done twice.  "
    "[default: runs/MODEL-diagnosis]",
)
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=None,
    help="Disturb so many samples to measure robustness; 0 leaves it out.  "
    "[default: what three minutes allow, at least 200]",
)
@options.seed
@options.allow_code
@options.lang
@click.option(
    "--format",
    type=click.Choice(["text", "md", "html", "json"]),
    default="text",
    show_default=True,
    help="Format of the result.",
)
@options.said
@click.pass_context
def diagnose(
    ctx: click.Context, /, model: Path, data: Path, output: Path | None, lang: str, format: Any, **rest: Any
) -> None:
    """Say what limits MODEL: its data, its training, and how it answers as it is, the worst first.

    Every symptom comes with its evidence and with what to do. The folder then holds the documents in English and in
    French, as HTML and Markdown, their pictures, and diagnosis.json. What was measured once is not measured again.

    Exit code 2: a part of what was given cannot be used; the others are looked at all the same.
    """
    quiet, verbose, _ = rest.pop("quiet"), rest.pop("verbose"), rest.pop("debug")
    output = api.diagnosis_folder(model, output)
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found = api.diagnose_into(output, model, data, watch=watch, **rest)
    click.echo(texts.render(found.diagnosis, found.model, format, lang=lang, folder=output), nl=False)
    if not quiet:
        click.echo(f"\ndiagnosis: {output / texts.NAMES[lang]}.html", err=True)
    if any(finding.level == "error" for finding in found.diagnosis.findings):
        ctx.exit(2)
