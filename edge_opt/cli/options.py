"""The options that several commands share: the same letter and the same words everywhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from edge_opt.errors import InputError

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]


class _Path(click.Path):
    """A path that is not empty, and may be read where there is something: Python takes "" for the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. Raises InputError."""
        if not os.fspath(value).strip():
            name = param.get_error_hint(ctx) if param else "the path"
            raise InputError(f"{name} is empty", "give a path: a variable in its place may not be set")
        if os.path.exists(value) and not os.access(value, os.R_OK):
            raise InputError(f"you may not read '{os.fspath(value)}'", "look at its permissions: ls -ld shows them")
        return super().convert(value, param, ctx)


PATH = _Path()


def _counts(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    """Whole numbers from one on, with commas between them: each once, in the order given."""
    parts = [part.strip() for part in value.split(",")] if value else []
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise click.BadParameter(f"'{value}' must be whole numbers of at least 1, like 1,2,4")
    return tuple(dict.fromkeys(int(part) for part in parts))


model = click.argument("model", type=PATH)
artifacts = click.argument("artifacts", type=PATH, nargs=-1, required=True, metavar="ARTIFACT...")
data = click.option("-d", "--data", type=PATH, required=True, help="An .npz, a folder of pictures, or a .csv manifest.")
target = click.option(
    "-t", "--target", default="host", show_default=True, metavar="NAME|FILE", help="Where the model will run."
)
targets = click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    default=("host",),
    metavar="NAME|FILE",
    help="Where the model will run; repeat for more, each with a report of its own.  [default: host]",
)
devices = click.option(
    "--device",
    "devices",
    multiple=True,
    metavar="[TARGET=]ADDRESS",
    help="Where the target is, as ssh://pi@raspberrypi.local; of several, each with the name of its target.",
)
recipes = click.option(
    "-r",
    "--recipe",
    "recipes",
    multiple=True,
    metavar="NAME|FILE",
    help="A recipe to try, as static_int8 or slim50+static_int8; repeat for more.  [default: as the effort says]",
)
threads = click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=None,
    help="Threads of the runtime. The target's first, by default.",
)
thread_counts = click.option(
    "--threads",
    callback=_counts,
    default="",
    metavar="N,...",
    help="Threads of the runtime; several with commas, each with a report of its own. The target's first, by default.",
)
jobs = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=None,
    help="Conversions and evaluations side by side; never while something is timed.  [default: 2 on 2 cores or more]",
)
no_cache = click.option(
    "--no-cache",
    "use_cache",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Make every artifact anew, also those that another run has made of the same model, data and versions.",
)
rounds = click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Measuring rounds, each in a fresh process.",
)
runtime = click.option("--runtime", default="", metavar="NAME", help="The runtime, where several load the format.")
runtimes = click.option(
    "--runtime",
    default="",
    metavar="NAME,...",
    help="The runtime, where several load the format; or several, to measure each artifact with all of them.",
)
max_drop = click.option(
    "--max-drop",
    default="",
    metavar="1pp",
    help="How much accuracy, or without labels agreement, may be lost. [default: the target's, 1pp]",
)
seed = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Seed for the splits and for the order of rounds.",
)
allow_code = click.option(
    "--allow-code", is_flag=True, help="Load a model file that carries code. Only if you trust its author."
)
history = click.option(
    "--history",
    type=PATH,
    default=None,
    help="The learning curves: a file of Keras' CSVLogger, a JSON file, or TensorBoard events.  "
    "[default: history.json or MODEL.csv beside the model]",
)
lang = click.option(
    "--lang", type=click.Choice(["en", "fr"]), default="en", show_default=True, help="Language of the document."
)
format = click.option(
    "--format",
    "format",
    type=click.Choice(["text", "md", "csv", "json"]),
    default="text",
    show_default=True,
    help="Format of the result.",
)


def said(command: Command) -> Command:
    """``-q``, ``-v`` and ``--debug``: how much is told on stderr."""
    for option in (
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
        click.option("-v", "--verbose", is_flag=True, help="Print every job as it starts."),
        click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
    ):
        command = option(command)
    return command
