"""The `capsule-inspect` command."""

import inspect
import platform
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from capsule_inspect import __version__
from capsule_inspect.cli.crash_report import CRASHED, report_crash
from capsule_inspect.cli.evaluate import evaluate
from capsule_inspect.cli.export_tflite import export_tflite
from capsule_inspect.cli.info import info
from capsule_inspect.cli.predict import predict
from capsule_inspect.cli.prepare import prepare
from capsule_inspect.cli.review import review
from capsule_inspect.cli.runs import runs
from capsule_inspect.cli.serve import serve
from capsule_inspect.cli.signals import answer_signals
from capsule_inspect.cli.streams import make_patient
from capsule_inspect.cli.train import train
from capsule_inspect.cli.tune import tune
from capsule_inspect.cli.verify import verify
from capsule_inspect.cli.watch import watch
from capsule_inspect.errors import CapsuleInspectError, InterruptedRunError, UsageError
from capsule_inspect.files import DISK_ERRORS
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import OPTIONS, keys_named
from capsule_inspect.text import suggest

_EXAMPLES = "\n\nExamples:\n"


def help_of(docstring: str | None) -> str:
    """Returns a docstring without its examples, each paragraph on one line."""
    prose = inspect.cleandoc(docstring or "").partition(_EXAMPLES)[0]
    return re.sub(r"(?<!\n)\n(?!\n)", " ", prose)


def epilog_of(docstring: str | None) -> str:
    """Returns the examples of a docstring, to end the help with."""
    examples = inspect.cleandoc(docstring or "").partition(_EXAMPLES)[2]
    return as_epilog("Examples:", examples.splitlines()) if examples else ""


def as_epilog(title: str, commands: Sequence[str]) -> str:
    """Returns a title with commands below it; empty lines keep Typer from joining them."""
    return "\n\n".join([title, *(command.strip() for command in commands)])


class _Plain:
    def get_params(self, ctx: Any) -> Any:
        """Returns the parameters and `--help`; hides the type of switches."""
        parameters = super().get_params(ctx)  # type: ignore[misc]  # of the class it is mixed into
        for parameter in parameters:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
        return parameters


class PlainCommand(_Plain, TyperCommand):
    """A command with a plain help."""


class PlainGroup(_Plain, TyperGroup):
    """The root command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the command line; shows the help if it is empty."""
        if not args and not ctx.resilient_parsing:  # set during completion
            typer.echo(ctx.get_help())
            ctx.exit(UsageError.exit_code)
        return super().parse_args(ctx, args)


_TyperUsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""Typer raises this for a wrong command line; it has no public name."""

app = typer.Typer(
    name="capsule-inspect",
    cls=PlainGroup,
    help="Find defects on medicinal capsules: which are defective, what the defect is, and where.",
    epilog=as_epilog(
        "To get started, draw some capsules and inspect them:",
        (
            "capsule-inspect prepare drawn capsules",
            "capsule-inspect predict capsules/pictures -o results --table",
        ),
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _add(command: Callable[..., None], panel: str, name: str | None = None) -> None:
    app.command(
        name,
        cls=PlainCommand,
        help=help_of(command.__doc__),
        epilog=epilog_of(command.__doc__),
        rich_help_panel=panel,
    )(command)


_add(prepare, "Data")
_add(train, "Training")
_add(tune, "Training")
_add(evaluate, "Evaluation and export")
_add(export_tflite, "Evaluation and export", "export-tflite")
_add(runs, "Evaluation and export")
_add(predict, "Inspection")
_add(watch, "Inspection")
_add(review, "Inspection")
_add(serve, "Inspection")
_add(verify, "Inspection")
_add(info, "Inspection")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and ends the process with its exit code (see `errors`)."""
    make_patient()
    with answer_signals() as stops:
        try:
            _run(arguments)
        except SystemExit as ended:
            if ended.code == InterruptedRunError.exit_code:
                sys.exit(stops.exit_code)
            raise


def _run(arguments: Sequence[str] | None) -> NoReturn:
    try:
        # Typer would show errors in a box, which cannot be searched for or copied whole.
        exit_code = app(arguments, prog_name=app.info.name, standalone_mode=False)
    except CapsuleInspectError as error:
        _fail(str(error), error.exit_code)
    except _TyperUsageError as error:
        _fail(describe_usage_error(error), UsageError.exit_code)
    except Exception as error:  # the last resort, so that no traceback meets a person
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            _fail(
                f"'{error.filename or 'A file'}' cannot be written or read: {error.strerror}. "
                "Check its permissions and the free space on the disk.",
                UsageError.exit_code,
            )
        _fail(report_crash(error), CRASHED)
    if exit_code == InterruptedRunError.exit_code:  # how Typer reports Ctrl-C
        _fail("Stopped.", exit_code)
    sys.exit(exit_code)


def _fail(sentence: str, exit_code: int) -> NoReturn:
    from capsule_inspect.cli.console import Terminal

    Terminal().complain(sentence)
    sys.exit(exit_code)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo("\n".join(versions()))
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False,
        "--version",
        help="Show the version of this tool and of the packages it uses, and exit.",
        is_eager=True,
        callback=_show_version,
    ),
) -> None:
    del version  # shown by its callback


_CHOICE = re.compile(r"'(?P<given>[^']*)' is not one of (?P<known>'.*')")


def describe_usage_error(error: Any) -> str:
    """Returns a sentence that names the mistake, what was probably meant, and where to read more.

    Args:
        error: The error that Typer raised.
    """
    command = error.ctx.command_path if error.ctx else "capsule-inspect"
    return f"{_what_is_wrong(error)} See {command} -h."


def _what_is_wrong(error: Any) -> str:
    if hasattr(error, "possibilities") and hasattr(error, "option_name"):
        return f"There is no option {error.option_name}.{_meant(error)}"
    said: str = error.format_message().replace("Value error, ", "")
    said = said if said.endswith((".", "?")) else f"{said}."
    choice = _CHOICE.search(said)
    if choice:
        said += suggest(choice["given"], re.findall(r"'([^']*)'", choice["known"]))
    return said


def _meant(error: Any) -> str:
    """Returns a sentence that names the option or setting that was probably meant."""
    parameters = error.ctx.command.get_params(error.ctx) if error.ctx else []
    name = error.option_name.lstrip("-")
    named = keys_named(Settings(), name.replace("-", "_"))
    known = [option for parameter in parameters for option in parameter.opts]
    for key in named:
        if OPTIONS.get(key) in known:
            return f" Did you mean '{OPTIONS[key]}'?"
    settings = [key for key in named if key not in OPTIONS]
    if settings and any(parameter.name in {"overrides", "inputs"} for parameter in parameters):
        written = " or ".join(f"{key}=VALUE" for key in settings)
        return f" It is a setting: write {written}, without dashes."
    return suggest(error.option_name, (o for o in known if o.startswith("--") and o != "--help"))


def versions() -> Iterator[str]:
    """Yields a line for the program, for Python and for each package that results depend on."""
    from capsule_inspect.runs.environment import package_versions

    yield f"capsule-inspect {__version__}"
    yield f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    for name, version in package_versions().items():
        yield f"{name} {version}"
