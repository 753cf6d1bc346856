"""Commands whose help and errors are laid out for reading.

Examples stand last, switches have no type, and a wrong option is answered with what was meant.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""What Typer raises for a wrong command line; it has no public name."""

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
    """A command."""

    def get_params(self, ctx: Any) -> Any:
        """Returns the parameters, with `--help`."""
        return _without_switch_types(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Takes the command line apart; see `explain_option` for what is said of wrong options."""
        with explaining(self, ctx):
            return super().parse_args(ctx, args)


class PlainGroup(TyperGroup):
    """The command that holds the others."""

    def get_params(self, ctx: Any) -> Any:
        """Returns the parameters, with `--help`."""
        return _without_switch_types(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Takes the command line apart as `PlainCommand` does."""
        with explaining(self, ctx):
            return super().parse_args(ctx, args)


@contextmanager
def explaining(command: PlainCommand | PlainGroup, ctx: Any) -> Iterator[None]:
    """Has errors about the options of a command explained."""
    try:
        yield
    except _UsageError as error:
        explain_option(error, command.get_params(ctx))
        raise


def explain_option(error: Any, parameters: Sequence[Any]) -> None:
    """Adds to an error of Typer which option was meant, if it says that there is no such option.

    Args:
        error: Is changed.
        parameters: Of the command.
    """
    if not hasattr(error, "possibilities"):
        return
    from capsule_inspect.settings.dotted import keys_named
    from capsule_inspect.settings.settings import Settings
    from capsule_inspect.suggest import suggest

    name = error.option_name.lstrip("-")
    settings = keys_named(Settings(), name.replace("-", "_"))
    if settings and any(parameter.name in {"overrides", "inputs"} for parameter in parameters):
        written = " or ".join(f"{key}=VALUE" for key in settings)
        hint = f" It is a setting: write {written}, without dashes."
    else:
        options = (option for parameter in parameters for option in parameter.opts)
        hint = suggest(
            error.option_name, (o for o in options if o.startswith("--") and o != "--help")
        )
    error.message = f"There is no option {error.option_name}.{hint}"
    error.possibilities = None


def _without_switch_types(parameters: Any) -> Any:
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters
