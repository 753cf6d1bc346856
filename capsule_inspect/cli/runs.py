"""`capsule-inspect runs`: list runs with their state and metrics."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capsule_inspect.choices import RunCommand
from capsule_inspect.runs.run_folder import RUNS
from capsule_inspect.text import command_line, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from capsule_inspect.runs.run import Run


def runs(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="The folder to search; by default runs.", show_default=False
        ),
    ] = RUNS,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="METRIC",
            help="Sort by a metric, such as accuracy, best first. The default is newest first.",
        ),
    ] = None,
    command: Annotated[
        RunCommand | None,
        typer.Option(
            metavar="NAME", help="List only the runs of train, tune, evaluate or predict."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per run instead of the table.")
    ] = False,
) -> None:
    """List the runs in a folder and its subfolders, with their state and metrics.

    Training runs show the metrics of their last validation, cross-validation studies the error
    rates to expect, and evaluations their metrics. Stopped and damaged runs are listed, too.

    Examples:
        capsule-inspect runs --sort accuracy
        capsule-inspect runs measured --command evaluate --json
    """
    from capsule_inspect.cli.console import Terminal
    from capsule_inspect.cli.tables import print_runs
    from capsule_inspect.workflows.runs import list_runs

    found = list_runs(folder, command=command, sort=sort)
    if as_json:
        for run in found:
            typer.echo(json.dumps(_document(run)))
        return
    terminal = Terminal()
    if found:
        print_runs(terminal.results, found, folder, sort)
    terminal.say(_hint(found, folder, sort))


def _document(run: "Run") -> dict[str, object]:
    from dataclasses import asdict

    found = run.status
    return {
        "path": str(run.path),
        "command": run.command,
        "began": run.began.isoformat(),
        "name": run.name,
        "state": found.state,
        "note": found.note,
        "measured_on": found.measured_on,
        "metrics": [asdict(metric) for metric in found.metrics],
        **found.counts,
    }


def _hint(found: "Sequence[Run]", folder: Path, sort: str | None) -> str:
    """Returns a sentence that counts the runs and suggests the next command."""
    if not found:
        return f"There are no such runs in '{folder}'. Make one: capsule-inspect train"
    count = f"{counted(len(found), 'run')}."
    stopped = [run for run in found if run.can_resume]
    if stopped:
        command = stopped[0].command
        resume = command_line(command, "--resume", stopped[0].path)
        return f"{count} Resume one that was stopped: {resume}"
    if sort is None and any(f.name == "accuracy" for run in found for f in run.status.metrics):
        where = () if folder == RUNS else (folder,)
        return f"{count} Best first: {command_line('runs', *where, '--sort', 'accuracy')}"
    trained = [r for r in found if r.command == "train" and r.status.state == "finished"]
    if trained:
        return f"{count} Measure one: {command_line('evaluate', trained[0].path)}"
    if any(run.command == "evaluate" for run in found):
        return f"{count} All that an evaluation measured is in its metrics.json."
    return f"{count} Measure a model: capsule-inspect evaluate MODEL"
