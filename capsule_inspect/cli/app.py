"""The `capsule-inspect` command."""

import sys
from collections.abc import Sequence

import typer

from capsule_inspect import __version__
from capsule_inspect.cli.evaluate import evaluate
from capsule_inspect.cli.export_tflite import export_tflite
from capsule_inspect.cli.info import info
from capsule_inspect.cli.predict import predict
from capsule_inspect.cli.prepare import prepare
from capsule_inspect.cli.train import train
from capsule_inspect.cli.tune import tune
from capsule_inspect.errors import CapsuleInspectError

app = typer.Typer(
    name="capsule-inspect",
    help="Find defects on medicinal capsules: which are defective, what the defect is, and where.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command()(prepare)
app.command()(train)
app.command()(tune)
app.command()(evaluate)
app.command("export-tflite")(export_tflite)
app.command()(predict)
app.command()(info)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and ends the process with its exit code (see `errors`)."""
    try:
        app(arguments)
    except CapsuleInspectError as error:
        from capsule_inspect.cli.console import complain

        complain(str(error))
        sys.exit(error.exit_code)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"capsule-inspect {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Show the version and stop.", is_eager=True, callback=_show_version
    ),
) -> None:
    del version  # shown by its callback
