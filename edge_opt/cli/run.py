"""The commands that compute."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from edge_opt.cli import options
from edge_opt.cli.compare import print_comparison, worst
from edge_opt.cli.progress import Progress
from edge_opt.cli.show import print_benched, print_converted, print_evaluated, print_failed
from edge_opt.cli.sustained import run_sustained, sustained_option
from edge_opt.errors import InputError
from edge_opt.flows import api
from edge_opt.inputs.embedded import DEMO_DATA, DEMO_MODEL, shared_path
from edge_opt.results.report import render
from edge_opt.types import Report

_effort = click.option(
    "--effort",
    type=click.Choice(["quick", "standard", "thorough"]),
    default="standard",
    show_default=True,
    help="quick: what mostly wins, in minutes. standard: every recipe that can still win, better quantizations where "
    "static_int8 loses too much, and smaller networks where there is data to train them. thorough: all of them, also "
    "where one passes, and more smaller networks, trained for longer.",
)
_time_limit = click.option(
    "--time-limit",
    default="",
    metavar="10m",
    help="Try what is most promising in this time, and certify within it; for each run.",
)
_rounds = click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=None,
    callback=lambda _ctx, _parameter, value: value or 0,  # as many as the effort has
    help="Measuring rounds, each in a fresh process.  [default: 10; 5 with --effort quick]",
)
_goal = click.option(
    "--goal",
    type=click.Choice(["balanced", "latency", "size"]),
    default="balanced",
    show_default=True,
    help="What to optimise for.",
)


@click.command()
@click.option(
    "-o", "--output", type=options.PATH, default=Path("runs/demo"), show_default=True, help="The run folder; replaced."
)
@options.said
def demo(output: Path, quiet: bool, verbose: bool, debug: bool) -> None:
    """Run the main job on the embedded model and data.

    A small clothes classifier, trained on a part of Fashion-MNIST, is optimised for this machine with every
    recipe that can still win.
    """
    report = _optimize(
        quiet,
        verbose,
        model=shared_path(DEMO_MODEL),
        data=shared_path(DEMO_DATA),
        output=output,
        overwrite=True,
    )
    click.echo(render(report, "text"), nl=False)
    _where(report, output, quiet)


@click.command()
@options.model
@options.data
@options.targets
@options.devices
@options.recipes
@click.option("-o", "--output", type=options.PATH, default=None, help="The run folder.  [default: runs/MODEL]")
@options.thread_counts
@_goal
@options.max_drop
@click.option("--max-latency", default="", metavar="40ms", help="The largest p90 latency allowed.")
@click.option("--max-size", default="", metavar="8MB", help="The largest artifact allowed.")
@click.option("--max-memory", default="", metavar="64MB", help="The most memory the artifact may add to its process.")
@_effort
@_time_limit
@_rounds
@options.seed
@options.jobs
@options.no_cache
@options.allow_code
@options.history
@click.option(
    "--no-diagnosis",
    "diagnosis",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Leave out what limits the model: the report then has no list of problems.",
)
@click.option("--resume", is_flag=True, help="Go on with the run begun in the folder; nothing finished is repeated.")
@click.option("--overwrite", is_flag=True, help="Replace the run in the folder.")
@options.format
@options.said
@click.pass_context
def optimize(
    ctx: click.Context,
    /,
    model: Path,
    data: Path,
    targets: tuple[str, ...],
    threads: tuple[int, ...],
    output: Path | None,
    format: Any,
    **rest: Any,
) -> None:
    """Try recipes on MODEL, measure them on the target, keep the best.

    Writes report.json, report.md, the artifacts and a bundle to the run folder. With several targets or numbers of
    threads, each has a run folder of its own in there, and compare.md and compare.json show them side by side.

    Exit code 1: no artifact keeps every limit; 3: edge-opt cannot tell whether one does. Of several runs, the worst.
    """
    quiet, verbose, _ = rest.pop("quiet"), rest.pop("verbose"), rest.pop("debug")
    output = api.run_folder(model, output)
    rest |= {"model": model, "data": data, "output": output, "jobs": rest["jobs"] or 0}
    if len(set(targets)) > 1 or len(threads) > 1:
        ctx.exit(_several(quiet, verbose, format, targets=targets, threads=threads, **rest))
    report = _optimize(quiet, verbose, target=targets[0], threads=threads[0] if threads else 0, **rest)
    click.echo(render(report, format, folder=output), nl=False)
    _where(report, output, quiet)
    ctx.exit(exit_code(report))


def _several(quiet: bool, verbose: bool, format: str, **arguments: Any) -> int:
    """Run each target and number of threads, print them side by side, and return the worst exit code."""
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found = api.optimize_several(**arguments, command=_given(), watch=watch)
    print_comparison(found.comparison, format, quiet=quiet)
    for folder, error in found.errors.items():
        print_failed(str(folder), error.message, error.hint)
    if not quiet:
        click.echo(f"\ncomparison: {arguments['output'] / 'compare.md'}", err=True)
        for folder in found.reports:
            click.echo(f"report: {folder / 'report.md'}", err=True)
    return worst([*map(exit_code, found.reports.values()), *(2 for _ in found.errors)])


def exit_code(report: Report) -> int:
    """0 where every limit is kept, 1 where one is broken, 3 where edge-opt cannot tell."""
    levels = {finding.level for finding in report.findings if finding.code == "EO210"}
    return 1 if "error" in levels else 3 if "warning" in levels else 0


def _optimize(quiet: bool, verbose: bool, **arguments: Any) -> Report:
    with Progress(quiet=quiet, verbose=verbose) as watch:
        return api.optimize(**arguments, command=_given(), watch=watch)


def _given() -> str:
    """The command as it was given."""
    return shlex.join(["edge-opt", *sys.argv[1:]])


def _where(report: Report, output: Path, quiet: bool) -> None:
    if not quiet:
        click.echo(f"\nreport: {output / 'report.md'}\nbundle: {output / 'bundle'}", err=True)


@click.command()
@click.argument("data", type=options.PATH)
@click.argument("model", type=options.PATH, required=False)
@options.allow_code
@options.said
def init(data: Path, model: Path | None, allow_code: bool, quiet: bool, verbose: bool, debug: bool) -> None:
    """Write the preprocessing contract of DATA, and show ten of its samples as MODEL will see them.

    With MODEL, the likely contracts are tried on labelled samples and the one that its accuracy supports is written.
    An existing contract is kept and shown.
    """
    with Progress(quiet=quiet, verbose=verbose) as watch:
        made = api.init(data, model, allow_code=allow_code, watch=watch)
        for finding in made.findings:
            watch.finding(finding)
    click.echo(f"contract: {made.path}")
    if made.preview:
        click.echo(f"pictures: {made.preview}")


@click.command()
@options.model
@click.option("--to", default="", metavar="FORMAT,...", help="tflite, onnx, openvino; all of the target's, by default.")
@click.option(
    "-r",
    "--recipe",
    "recipes",
    multiple=True,
    metavar="NAME|FILE",
    help="A recipe to make; repeat for more.  [default: float32]",
)
@click.option("-d", "--data", type=options.PATH, default=None, help="Data to calibrate static recipes with.")
@options.target
@click.option(
    "-o", "--output", type=options.PATH, default=Path(), help="The folder for the artifacts.  [default: here]"
)
@options.seed
@options.jobs
@options.no_cache
@options.allow_code
@click.option("--overwrite", is_flag=True, help="Replace artifacts that are already there.")
@click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format of the result."
)
@options.said
@click.pass_context
def convert(ctx: click.Context, /, model: Path, to: str, recipes: tuple[str, ...], format: str, **rest: Any) -> None:
    """Make artifacts of MODEL, without measuring them. Each one is loaded and run once.

    What cannot be made is said with its reason, the others are written, and the exit code is 2.
    """
    quiet, verbose, _ = rest.pop("quiet"), rest.pop("verbose"), rest.pop("debug")
    formats = tuple(name.strip() for name in to.split(",") if name.strip())
    with Progress(quiet=quiet, verbose=verbose) as watch:
        rest["jobs"] = rest["jobs"] or 0
        made = api.convert(model, to=formats, recipes=recipes or ("float32",), watch=watch, **rest)
        for finding in made.findings:
            watch.finding(finding)
    print_converted(made, format)
    if made.failures:
        ctx.exit(2)


@click.command()
@options.artifacts
@options.target
@options.devices
@options.runtimes
@options.threads
@options.rounds
@options.seed
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    default=None,
    help="A folder that keeps the raw samples; what was stopped goes on there.",
)
@sustained_option
@options.format
@options.said
@click.pass_context
def bench(ctx: click.Context, /, artifacts: tuple[Path, ...], threads: int | None, format: str, **rest: Any) -> None:
    """Measure the latency and memory of each ARTIFACT, interleaved in rounds. Speed-ups refer to the first.

    What cannot be measured is said with its reason, the others are printed, and the exit code is 2.

    With --sustained there are no rounds: -o FOLDER keeps a picture of the course, and the same command goes on where
    it was stopped. Exit code 1: the steady state breaks the target's latency limit; 3: edge-opt cannot tell.
    """
    quiet, verbose, _ = rest.pop("quiet"), rest.pop("verbose"), rest.pop("debug")
    if (seconds := rest.pop("sustained")) is not None:
        rest.pop("rounds")
        if ctx.get_parameter_source("rounds") is ParameterSource.COMMANDLINE:
            raise InputError("'--sustained' runs without a pause, so it has no rounds", "give one of the two")
        ctx.exit(run_sustained(quiet, verbose, format, artifacts, seconds=seconds, threads=threads or 0, **rest))
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found = api.bench(artifacts, threads=threads or 0, watch=watch, **rest)
        for finding in found.findings:
            watch.finding(finding)
    print_benched(found, format)
    if found.failures:
        ctx.exit(2)


@click.command()
@options.artifacts
@options.data
@options.target
@options.devices
@options.runtime
@options.max_drop
@options.format
@options.said
def evaluate(artifacts: tuple[Path, ...], data: Path, format: str, **rest: Any) -> None:
    """Measure the accuracy of each ARTIFACT on the test split of the data. Drops refer to the first.

    Where the data have no labels, it is the agreement with the first ARTIFACT.
    """
    quiet, verbose, _ = rest.pop("quiet"), rest.pop("verbose"), rest.pop("debug")
    with Progress(quiet=quiet, verbose=verbose) as watch:
        rows, findings = api.evaluate(artifacts, data, watch=watch, **rest)
        for finding in findings:
            watch.finding(finding)
    print_evaluated(rows, format)
