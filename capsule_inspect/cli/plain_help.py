"""Commands whose help is laid out for reading: examples stand last, switches have no type."""

import inspect
import re
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from capsule_inspect.errors import UsageError

_EXAMPLES = "\n\nExamples:\n"


def help_of(docstring: str | None) -> str:
    """Returns what a docstring says before its examples, without line breaks in paragraphs."""
    prose = inspect.cleandoc(docstring or "").partition(_EXAMPLES)[0]
    return re.sub(r"(?<!\n)\n(?!\n)", " ", prose)


def epilog_of(docstring: str | None) -> str:
    """Returns the examples of a docstring, for the end of the help."""
    examples = inspect.cleandoc(docstring or "").partition(_EXAMPLES)[2]
    return as_epilog("Examples:", examples.splitlines()) if examples else ""


def as_epilog(title: str, commands: Sequence[str]) -> str:
    """Lays out a title and commands below it; Typer tells lines apart by empty ones between."""
    return "\n\n".join([title, *(command.strip() for command in commands)])


class _Plain:
    def get_params(self, ctx: Any) -> Any:
        """Returns the parameters, with `--help`; switches have no type to show."""
        parameters = super().get_params(ctx)  # type: ignore[misc]  # of the class it is mixed into
        for parameter in parameters:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
        return parameters


class PlainCommand(_Plain, TyperCommand):
    """A command whose help is laid out for reading."""


class PlainGroup(_Plain, TyperGroup):
    """The command that holds the others."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Takes the command line apart; shows the help where there is nothing to take apart."""
        if not args and not ctx.resilient_parsing:  # which is what completion sets
            typer.echo(ctx.get_help())
            ctx.exit(UsageError.exit_code)
        return super().parse_args(ctx, args)
