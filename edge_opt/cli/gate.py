"""``edge-opt gate``: fail a build on a regression, and find out what this runner can see."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from edge_opt import stats, units
from edge_opt.cli import options
from edge_opt.cli.gate_size import size
from edge_opt.cli.progress import Progress
from edge_opt.flows import api
from edge_opt.flows.gate import runner
from edge_opt.results.gate import FORMATS, outcome, render
from edge_opt.types import Gate

_EXIT = {"ok": 0, "improved": 0, "regressed": 1}
_UNCLEAR = {"exit": 3, "pass": 0, "fail": 1}


class _Words(click.Group):
    """A group whose first word may be left out: ``edge-opt gate CANDIDATE`` is ``edge-opt gate check CANDIDATE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The words, with ``check`` in front where they begin with none of the group's own."""
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["check", *args]
        return super().parse_args(ctx, args)


def _limit(name: str, default: str, what: str) -> options.Decorator[Any]:
    return click.option(f"--{name}", default="", metavar="SHARE|off", help=f"{what}  [default: {default}]")


@click.group(cls=_Words, subcommand_metavar="CANDIDATE --baseline BASE | calibrate | record | size")
def gate() -> None:
    """Fail a build when CANDIDATE is worse than BASE, and not when the machine was noisy.

    'edge-opt gate CANDIDATE --baseline BASE' is 'edge-opt gate check CANDIDATE --baseline BASE'. 'calibrate' finds out
    what a runner can see, 'record' keeps a history for boards that cannot run both, 'size' is for a pre-commit hook.
    """


@gate.command()
@click.argument("candidate", type=options.PATH)
@click.option("--baseline", type=options.PATH, default=None, metavar="BASE", help="What CANDIDATE is held against.")
@click.option(
    "--against",
    type=options.PATH,
    default=None,
    metavar="FILE",
    help="In place of BASE, a history of measurements of this machine, which 'edge-opt gate record' keeps. Weaker.",
)
@_limit("latency", "2%", "How much the median latency may rise.")
@_limit("p90", "off", "How much the 90th percentile of the latency may rise.")
@_limit("load", "off", "How much the time to load may rise.")
@_limit("memory", "off", "How much the memory may rise that the artifact adds to its process.")
@_limit("size", "2%", "How much the artifact may grow.")
@_limit("compressed", "2%", "How much it may grow after gzip, as it is downloaded.")
@_limit("instructions", "off", "How many more instructions an inference may take, counted by valgrind on x86.")
@click.option(
    "--accuracy",
    default="",
    metavar="1pp|off",
    help="How much accuracy, or without labels agreement, may be lost.  [default: 1pp, where there are data]",
)
@click.option(
    "--placement",
    type=click.Choice(["on", "off"]),
    default="on",
    show_default=True,
    help="Whether operators may not fall back to wider numbers, or off a delegate.",
)
@click.option("-d", "--data", type=options.PATH, default=None, help="Data to compare the accuracy on.")
@click.option(
    "--budget",
    default="60s",
    show_default=True,
    metavar="60s",
    help="How long to measure before it is said that it cannot be told.",
)
@click.option("--calibration", type=options.PATH, default=None, metavar="FILE", help="[default: BASE.gate.json]")
@click.option("--any-version", is_flag=True, help="Allow another version of the runtime than BASE was measured with.")
@click.option(
    "--unclear",
    type=click.Choice(list(_UNCLEAR)),
    default="exit",
    show_default=True,
    help="What to do where it cannot be told: exit with 3, pass, or fail.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FORMAT=FILE",
    help="Write the decisions to a file too, as junit=gate.xml; repeat for more.",
)
@click.option("--format", type=click.Choice(FORMATS), default="text", show_default=True, help="Format of the result.")
@click.option("-o", "--output", type=options.PATH, default=None, help="A folder that keeps the raw samples.")
@options.target
@options.runtime
@options.threads
@options.seed
@options.said
@click.pass_context
def check(ctx: click.Context, /, **given: Any) -> None:
    """Decide whether CANDIDATE is worse than BASE: each a bundle, a run or an artifact; both are run here and now.

    The latency is that of both in one process, by turns, over several processes; sampling stops when it is clear. Two
    files or folders of pytest-benchmark's JSON are compared benchmark by benchmark.

    Exit code 0: nothing is worse by more than its limit; 1: something is; 3: it cannot be told; 2: it went wrong.
    """
    quiet, verbose, _ = given.pop("quiet"), given.pop("verbose"), given.pop("debug")
    unclear, reports, format = given.pop("unclear"), given.pop("reports"), given.pop("format")
    files = [_report(one) for one in reports]
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found = api.gate(
            given.pop("candidate"),
            limits={name: given.pop(name) for name in api.GATE_LIMITS},
            placement=given.pop("placement") == "on",
            threads=given.pop("threads") or 0,
            command=shlex.join(["edge-opt", *sys.argv[1:]]),
            watch=watch,
            **given,
        )
        for finding in found.findings:
            watch.finding(finding)
    for name, path in files:
        path.write_text(render(found, name), encoding="utf-8")
    if format == "github":
        _github(found)
    click.echo(render(found, format), nl=False)
    ctx.exit(_EXIT.get(outcome(found), _UNCLEAR[unclear]))


def _report(text: str) -> tuple[str, Path]:
    """The format and the file of a ``--report``, whose folder is there: it is written when all is measured."""
    name, separator, path = text.partition("=")
    if not separator or name not in FORMATS or not path:
        raise click.BadParameter(f"'{text}' is no FORMAT=FILE", param_hint="--report")
    if not Path(path).parent.is_dir():
        raise click.BadParameter(
            f"there is no folder '{Path(path).parent}' to write '{path}' to", param_hint="--report"
        )
    return name, Path(path)


def _github(found: Gate) -> None:
    """Add the summary to the job's page, and the outcome to the step's outputs, where GitHub runs this."""
    for variable, text in {
        "GITHUB_STEP_SUMMARY": render(found, "md"),
        "GITHUB_OUTPUT": f"outcome={outcome(found)}\n",
    }.items():
        if path := os.environ.get(variable):
            with open(path, "a", encoding="utf-8") as file:
                file.write(text)


@gate.command()
@click.argument("baseline", type=options.PATH)
@click.option(
    "--runs",
    type=click.IntRange(min=2),
    default=40,
    show_default=True,
    help="Decisions on equals: half with a copy, half with the network written anew.",
)
@click.option(
    "--latency", default="2%", show_default=True, metavar="SHARE", help="The limit that the decisions are made at."
)
@click.option("--budget", default="60s", show_default=True, metavar="60s", help="How long one decision may take.")
@click.option("-o", "--output", type=options.PATH, default=None, help="The file to write.  [default: BASE.gate.json]")
@options.target
@options.runtime
@options.threads
@options.seed
@click.option("--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of the result.")
@options.said
def calibrate(format: str, **given: Any) -> None:
    """Find out what this runner can see: BASELINE against its equals, decided as the gate decides.

    Prints how often equals were called different, the smallest slow-down that is caught, and the smallest limit that
    this runner can keep. The file is kept beside BASELINE, where the gate finds it: it then refuses a limit below that.
    A calibration that was stopped goes on when the same command is given again.
    """
    quiet, verbose, _ = given.pop("quiet"), given.pop("verbose"), given.pop("debug")
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found, findings, path = api.gate_calibrate(
            given.pop("baseline"), threads=given.pop("threads") or 0, watch=watch, **given
        )
        for finding in findings:
            watch.finding(finding)
    click.echo(runner.text(found) if format == "text" else runner.written(found), nl=False)
    if not quiet:
        click.echo(f"\ncalibration: {path}", err=True)


@gate.command()
@click.argument("artifact", type=options.PATH)
@click.argument("history", type=options.PATH)
@click.option("--label", required=True, metavar="COMMIT", help="What it is a measurement of, as the commit.")
@options.rounds
@options.target
@options.runtime
@options.threads
@options.seed
@options.said
def record(artifact: Path, history: Path, **given: Any) -> None:
    """Measure ARTIFACT and append it to HISTORY, a file of one line a measurement, for 'edge-opt gate --against'.

    HISTORY is of one artifact on one machine, as it goes from commit to commit.
    """
    quiet, verbose, _ = given.pop("quiet"), given.pop("verbose"), given.pop("debug")
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found = api.gate_record(artifact, history, threads=given.pop("threads") or 0, watch=watch, **given)
        for finding in found.findings:
            watch.finding(finding)
    median = units.format_duration(stats.median(found.record.medians_ns))
    click.echo(f"{found.record.label}: {median}, {units.format_bytes(found.record.size_bytes)}, in '{history}'")


gate.add_command(size)
