"""``edge-opt``: the commands by name, a line on each. Imports click only; a command is imported when it is run."""

from __future__ import annotations

import errno
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from edge_opt import __version__
from edge_opt.cli.groups import Group
from edge_opt.cli.streams import outliving_readers
from edge_opt.errors import EdgeOptError, UnknownName

COMMANDS = {
    "demo": ("run:demo", "Run the main job on the embedded model and data."),
    "init": ("run:init", "Write the preprocessing contract, and show ten pictures as the model will see them."),
    "diagnose": ("diagnose:diagnose", "Say what limits a model: data, training, and how it answers as it is."),
    "optimize": ("run:optimize", "Try recipes, measure them on the target, keep the best."),
    "convert": ("run:convert", "Make artifacts of one or more recipes and formats, without measuring them."),
    "bench": ("run:bench", "Measure the latency and memory of artifacts."),
    "evaluate": ("run:evaluate", "Measure the accuracy of artifacts on labelled data."),
    "inspect": ("inspect:inspect", "Show what artifacts are executed as, operator by operator."),
    "compare": ("compare:compare", "Compare runs, artifacts, formats and runtimes side by side."),
    "gate": ("gate:gate", "Fail a build on a regression, and not on noise."),
    "report": ("show:report", "Print the report of a run as text, HTML, Markdown, CSV or JSON."),
    "targets": ("show:targets", "List the target profiles, or show one."),
    "recipes": ("show:recipes", "List the recipes, or show one."),
    "verify": ("machine:verify", "Verify on the deployment machine that a bundle keeps its promises."),
    "doctor": ("machine:doctor", "Show what is installed and works, and what each missing package would enable."),
    "device": ("device:device", "Make a board ready for measuring over SSH, look at it, or clean it."),
    "runtime": ("machine:runtime", "Set up, list or remove runtimes that need an environment of their own."),
    "emulator": ("emulator:emulator", "Set up, check or remove an emulated ARM system, for answers without a board."),
}


# commands that keep what they have finished → how they go on
_GO_ON = {
    "optimize": "what was finished is kept: go on with --resume",
    "diagnose": "what was finished is kept: give the same command again",
    "bench": "with -o, what was finished is kept: give the same command again",
    "gate calibrate": "what was finished is kept: give the same command again",
}
_REPORT = "run it again with --debug, and report what that shows, with the command"


class Commands(Group):
    """A group whose commands are imported when they are used, and listed without being imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """The command of that name, imported now. Raises UnknownName."""
        if cmd_name not in COMMANDS:
            raise UnknownName.among("command", cmd_name, COMMANDS)
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"edge_opt.cli.{module}"), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """What the command returns. A broken pipe is an EdgeOptError: click would exit with 1, which is a verdict."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise EdgeOptError("the command was ended: nobody reads what it writes any more") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="edge-opt %(version)s")
def cli() -> None:
    """Make a trained image model small and fast for its target, and prove on that target that it is still good.

    \b
    The result goes to stdout; progress and findings go to stderr.
    Exit codes: 0 done, 1 a limit is broken, 2 something went wrong, 3 cannot tell.
    """


def main() -> NoReturn:
    """Run the command line; an error is one sentence on stderr and exit code 2, on ``--debug`` after its traceback.

    The exit code is that of the command, whoever reads its result to the end; 2 where it was ended before it had one.
    """
    with outliving_readers():
        try:
            code = _run()
        except BrokenPipeError:  # nobody reads what went wrong
            code = 2
    sys.exit(code)


def _run() -> int:
    """The exit code, after everything was said."""
    try:
        code = cli.main(prog_name="edge-opt", standalone_mode=False)
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # the help that was not asked for
        code = 2
    except click.ClickException as error:
        _say(*_usage(error))
        code = 2
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted", next((hint for words, hint in _GO_ON.items() if _words().startswith(words)), ""))
        code = 2
    except EdgeOptError as error:
        _debug()
        _say(error.message, error.hint)
        code = error.exit_code
    except MemoryError:
        _debug()
        _say("the memory of this machine is used up", "close other programs, or give a smaller data set")
        code = 2
    except OSError as error:
        _debug()
        _say(*_refused(error))
        code = 2
    except Exception as error:  # not Python's exit code 1, which here means that a limit is broken
        _debug()
        said = str(error).partition("\n")[0]
        _say(f"edge-opt itself failed: {type(error).__name__}{': ' if said else ''}{said}", _REPORT)
        code = 2
    return code if isinstance(code, int) else 0


def _words() -> str:
    """What was typed, without the options."""
    return " ".join(word for word in sys.argv[1:] if not word.startswith("-"))


def _usage(error: click.ClickException) -> tuple[str, str]:
    """What is wrong with the words that were typed, in the way of all other errors, and how they are meant."""
    message = error.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if ctx is None:
        return message, "see: edge-opt --help"
    line = " ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)])
    return message, f"{line}   (see: {ctx.command_path} --help)"


def _refused(error: OSError) -> tuple[str, str]:
    """What the system refused, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        place = f" to write '{error.filename}'" if error.filename else ""
        return f"no room is left on the disk{place}", "free some space, or give another folder; TMPDIR needs some too"
    if error.filename is None:
        return f"the system refused: {error.strerror or error}", _REPORT
    return f"'{error.filename}' cannot be used: {error.strerror}", "check the path and its permissions"


def _say(message: str, hint: str) -> None:
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"  hint: {hint}", err=True)


def _debug() -> None:
    if "--debug" in sys.argv:
        import traceback

        traceback.print_exc()
