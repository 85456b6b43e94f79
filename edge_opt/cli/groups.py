"""Groups of commands, whose errors are about the command that was typed."""

from __future__ import annotations

from typing import Any

import click


class Group(click.Group):
    """A group that says which of its commands was typed wrongly; of a missing value, click does not say it."""

    def invoke(self, ctx: click.Context) -> Any:
        """What the command returns. A UsageError has the context of the command."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            name = ctx.invoked_subcommand
            command = self.get_command(ctx, name) if name and error.ctx is None else None
            if command:
                error.ctx = click.Context(command, parent=ctx, info_name=name)
            raise
