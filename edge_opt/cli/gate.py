"""``edge-opt gate``: fail a build on a regression, and find out what this runner can see."""

from __future__ import annotations

import difflib
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from edge_opt import stats, units
from edge_opt.cli import gate_reports, options
from edge_opt.cli.gate_size import size
from edge_opt.cli.groups import Group
from edge_opt.cli.progress import Progress
from edge_opt.errors import EdgeOptError, UnknownName
from edge_opt.flows import api
from edge_opt.flows.gate import runner
from edge_opt.flows.gate.asked import BUDGET
from edge_opt.flows.gate.limits import ACCURACY, DEFAULTS
from edge_opt.results.gate import FORMATS, outcome, render
from edge_opt.types import Gate

_EXIT = {"ok": 0, "improved": 0, "regressed": 1}
_UNCLEAR = {"exit": 3, "pass": 0, "fail": 1}


class _Words(Group):
    """A group whose first word may be left out: ``edge-opt gate CANDIDATE`` is ``edge-opt gate check CANDIDATE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The words, with ``check`` in front where they begin with none of the group's own. Raises UnknownName."""
        if args and args[0] not in (*self.commands, "-h", "--help"):
            self._require_no_slip(args[0])
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def _require_no_slip(self, word: str) -> None:
        """Nothing; raises UnknownName for a word that is nearly one of the group's, and no file."""
        bare = word == Path(word).stem and not os.path.lexists(word)
        if bare and (near := difflib.get_close_matches(word, self.commands, n=1)):
            raise UnknownName(
                f"'{word}' is neither a file nor a command of 'edge-opt gate'", f"did you mean '{near[0]}'?"
            )


def _limit(name: str, what: str) -> options.Decorator[Any]:
    return click.option(f"--{name}", default="", metavar="SHARE|off", help=f"{what}  [default: {DEFAULTS[name]}]")


def _threads(of_an_artifact: str) -> options.Decorator[Any]:
    return click.option(
        "--threads",
        type=click.IntRange(min=1),
        default=None,
        help="Threads of the runtime. By default as many as a bundle or a run was measured with; "
        f"for an artifact, {of_an_artifact}.",
    )


@click.group(cls=_Words, subcommand_metavar="CANDIDATE --baseline BASE | calibrate | record | size")
def gate() -> None:
    """Fail a build when CANDIDATE is worse than BASE, and not because the machine was noisy.

    'edge-opt gate CANDIDATE --baseline BASE' is 'edge-opt gate check CANDIDATE --baseline BASE'. 'calibrate' finds out
    what a runner can see, 'record' keeps a history for boards that cannot run both, 'size' is for a pre-commit hook.
    """


@gate.command()
@click.argument("candidate", type=options.PATH)
@click.option("--baseline", type=options.PATH, default=None, metavar="BASE", help="What to compare CANDIDATE with.")
@click.option(
    "--against",
    type=options.PATH,
    default=None,
    metavar="FILE",
    help="Instead of BASE, a history of measurements on this machine, which 'edge-opt gate record' keeps. Weaker.",
)
@_limit("latency", "How much the median latency may rise.")
@_limit("p90", "How much the 90th percentile of the latency may rise.")
@_limit("load", "How much the time to load may rise.")
@_limit("memory", "How much the memory that the artifact adds to its process may rise.")
@_limit("size", "How much the artifact may grow.")
@_limit("compressed", "How much the artifact may grow after gzip, which is what a download takes.")
@_limit("instructions", "How many more instructions an inference may take, as counted by valgrind on x86.")
@click.option(
    "--accuracy",
    default="",
    metavar="1pp|off",
    help="How much accuracy may be lost; without labels, how much agreement.  "
    f"[default: {units.format_number(100 * ACCURACY)}pp, where there are data]",
)
@click.option(
    "--placement",
    type=click.Choice(["on", "off"]),
    default="on",
    show_default=True,
    help="Whether it is a regression when an operator falls back to a wider type or leaves its delegate.",
)
@click.option("-d", "--data", type=options.PATH, default=None, help="Data to compare the accuracy on.")
@click.option(
    "--budget",
    default=BUDGET,
    show_default=True,
    metavar="60s",
    help="How long each way of measuring may take before the gate says that it cannot tell.",
)
@click.option(
    "--calibration",
    type=options.PATH,
    default=None,
    metavar="FILE",
    help="What 'edge-opt gate calibrate' found out about this runner: a limit that it cannot keep is refused.  "
    "[default: BASE.gate.json, if there is one]",
)
@click.option(
    "--any-version",
    is_flag=True,
    help="Allow a different version of the runtime from the one that a bundle or a run was measured with.",
)
@click.option("--any-model", is_flag=True, help="Allow CANDIDATE and BASE to have different inputs or classes.")
@click.option(
    "--unclear",
    type=click.Choice(list(_UNCLEAR)),
    default="exit",
    show_default=True,
    help="What to do where the gate cannot tell: exit with 3, pass, or fail.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    callback=gate_reports.parse,
    metavar="FORMAT=FILE",
    help="Also write the decisions to a file, as in junit=gate.xml; repeat for more.",
)
@click.option("--format", type=click.Choice(FORMATS), default="text", show_default=True, help="Format of the result.")
@click.option("-o", "--output", type=options.PATH, default=None, help="A folder that keeps the raw samples.")
@options.target
@options.devices
@options.runtime
@_threads("as many as the other side was measured with, or else the target's first")
@options.seed
@options.said
@click.pass_context
def check(ctx: click.Context, /, **given: Any) -> None:
    """Decide whether CANDIDATE is worse than BASE. Each is a bundle, a run or an artifact; both are run here and now.

    For the latency both take turns in one process, and in several of those; sampling stops once the answer is clear.
    Two files or folders of pytest-benchmark's JSON are compared benchmark by benchmark.

    Exit code 0: nothing is worse by more than its limit; 1: something is; 2: something went wrong; 3: the gate cannot
    tell.
    """
    quiet, verbose, _ = given.pop("quiet"), given.pop("verbose"), given.pop("debug")
    unclear, reports, format = given.pop("unclear"), given.pop("reports"), given.pop("format")
    gate_reports.require_apart(reports, given)
    with Progress(quiet=quiet, verbose=verbose) as watch, _interrupted(given["output"]):
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
    click.echo(render(found, format, unclear), nl=False)
    if format == "github":
        _github(found)
    gate_reports.write(reports, found, unclear)
    ctx.exit(_EXIT.get(outcome(found), _UNCLEAR[unclear]))


@contextmanager
def _interrupted(output: Path | None) -> Iterator[None]:
    """Let an interruption say that the samples so far are kept, where they are."""
    try:
        yield
    except KeyboardInterrupt as error:
        if output is None or not output.is_dir():
            raise
        raise EdgeOptError("interrupted", f"the samples so far are in '{output}'") from error


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
    help="How many equals to decide on: half are copies, half the rebuilt network.",
)
@click.option(
    "--latency", default=DEFAULTS["latency"], show_default=True, metavar="SHARE", help="The limit to decide at."
)
@click.option("--budget", default=BUDGET, show_default=True, metavar="60s", help="How long one decision may take.")
@click.option("-o", "--output", type=options.PATH, default=None, help="The file to write.  [default: BASE.gate.json]")
@options.target
@options.devices
@options.runtime
@_threads("the target's first")
@options.seed
@click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format of the result."
)
@options.said
def calibrate(format: str, **given: Any) -> None:
    """Find out what this runner can see: decide on BASELINE against its equals, as the gate does.

    Prints how often equals were called different, the smallest slow-down that is caught, and the smallest limit that
    this runner can keep. The file is kept beside BASELINE, where the gate finds it; the gate then refuses any limit
    below that. To go on with a calibration that was stopped, give the same command again.
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
@click.option("--label", required=True, metavar="COMMIT", help="What to call this measurement, such as the commit.")
@options.rounds
@options.target
@options.devices
@options.runtime
@_threads("the target's first")
@options.seed
@options.said
def record(artifact: Path, history: Path, **given: Any) -> None:
    """Measure ARTIFACT and append it to the file HISTORY, a line for each measurement, for 'edge-opt gate --against'.

    A HISTORY follows one artifact on one machine, from commit to commit.
    """
    quiet, verbose, _ = given.pop("quiet"), given.pop("verbose"), given.pop("debug")
    with Progress(quiet=quiet, verbose=verbose) as watch:
        found = api.gate_record(artifact, history, threads=given.pop("threads") or 0, watch=watch, **given)
        for finding in found.findings:
            watch.finding(finding)
    median = units.format_duration(stats.median(found.record.medians_ns))
    click.echo(f"{found.record.label}: {median}, {units.format_bytes(found.record.size_bytes)}, in '{history}'")


gate.add_command(size)
