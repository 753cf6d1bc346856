"""Commands whose help is laid out for reading: examples last, no types on switches."""

import inspect
import re
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

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


class PlainCommand(TyperCommand):
    """A command whose help shows no type for switches: they take no value."""

    def get_params(self, ctx: Any) -> Any:
        """Returns the parameters, with `--help`."""
        return _without_switch_types(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """The same for the command that holds the others."""

    def get_params(self, ctx: Any) -> Any:
        """Returns the parameters, with `--help`."""
        return _without_switch_types(super().get_params(ctx))


def _without_switch_types(parameters: Any) -> Any:
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters
