"""The `capsule-inspect` command."""

import errno
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import NoReturn

import typer

from capsule_inspect.cli.evaluate import evaluate
from capsule_inspect.cli.export_tflite import export_tflite
from capsule_inspect.cli.info import info
from capsule_inspect.cli.plain_help import (
    PlainCommand,
    PlainGroup,
    as_epilog,
    epilog_of,
    help_of,
)
from capsule_inspect.cli.predict import predict
from capsule_inspect.cli.prepare import prepare
from capsule_inspect.cli.runs import runs
from capsule_inspect.cli.train import train
from capsule_inspect.cli.tune import tune
from capsule_inspect.errors import CapsuleInspectError, InterruptedRunError, UsageError

_TyperUsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""What Typer raises for a wrong command line; it has no public name."""

_DISK_ERRORS = frozenset({errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.EPERM, errno.EROFS})
"""What a disk that is full, or not the user's, answers."""

app = typer.Typer(
    name="capsule-inspect",
    cls=PlainGroup,
    help="Find defects on medicinal capsules: which are defective, what the defect is, and where.",
    epilog=as_epilog(
        "To begin, draw some capsules and look them through; nothing else is needed:",
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
_add(evaluate, "Measuring and export")
_add(export_tflite, "Measuring and export", "export-tflite")
_add(runs, "Measuring and export")
_add(predict, "Use")
_add(info, "Use")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and ends the process with its exit code (see `errors`)."""
    _print_whatever_comes()
    try:
        # Typer would show errors in a box, which cannot be searched for or copied whole.
        exit_code = app(arguments, prog_name=app.info.name, standalone_mode=False)
    except CapsuleInspectError as error:
        _fail(str(error), error.exit_code)
    except _TyperUsageError as error:
        from capsule_inspect.cli.usage_error import describe_usage_error

        _fail(describe_usage_error(error), UsageError.exit_code)
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        _fail(
            f"'{error.filename or 'A file'}' cannot be written or read: {error.strerror}. "
            "Check its rights and the room on the disk.",
            UsageError.exit_code,
        )
    if exit_code == InterruptedRunError.exit_code:  # Typer's way of passing Ctrl-C on
        _fail("Stopped.", exit_code)
    sys.exit(exit_code)


def _fail(sentence: str, exit_code: int) -> NoReturn:
    from capsule_inspect.cli.console import complain

    complain(sentence)
    sys.exit(exit_code)


def _print_whatever_comes() -> None:
    """Has characters that stdout cannot encode, as of file names, spelled instead of refused."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _show_version(wanted: bool) -> None:
    if wanted:
        from capsule_inspect.cli.versions import versions

        typer.echo("\n".join(versions()))
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False,
        "--version",
        help="Show the versions that matter and stop.",
        is_eager=True,
        callback=_show_version,
    ),
) -> None:
    del version  # shown by its callback
