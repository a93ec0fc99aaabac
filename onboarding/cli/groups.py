"""How a group lists its commands in --help."""

import inspect

from typer._click.core import Command, Context
from typer.core import TyperGroup


class WholeSentences(TyperGroup):
    """Lists each command with its first sentence, however many lines that takes.

    typer cuts it off with "..." where a line ends.
    """

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return the command of that name, with its line for the list."""
        command = super().get_command(ctx, cmd_name)
        if command is not None and command.help and not command.short_help:
            paragraph = inspect.cleandoc(command.help).partition("\n\n")[0]
            command.short_help = " ".join(paragraph.split()).partition(". ")[0].rstrip(".") + "."
        return command
