"""Writes docs/cli.md, the reference of the command line, from what ``edge-opt --help`` says.

``make docs`` runs it; a test compares the page with the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from edge_opt.cli.main import cli

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 100
HEAD = """# The command line

<!-- written by docs/make_cli.py: edit the help texts in edge_opt/cli/, then `make docs` -->

stdout is the result and nothing else, so that `edge-opt … --format json | jq` works.
Progress and findings go to stderr.

| exit code | meaning |
|--:|---|
| 0 | done, or kept |
| 1 | broken: a limit that was asked for does not hold |
| 2 | something went wrong: one sentence says what, one says what to do (`--debug` shows the traceback) |
| 3 | edge-opt cannot tell |
"""


def contexts(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[click.Context]:
    """The context of ``command`` and of each one below it, in the order of the help."""
    # without a terminal's width the text would differ from one machine to the next
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield context
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None and not found.hidden:
                yield from contexts(found, child, context)


def page() -> str:
    """The whole of docs/cli.md."""
    parts = [HEAD]
    for context in contexts(cli, "edge-opt"):
        parts.append(f"## {context.command_path}\n\n```text\n{context.get_help().rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
