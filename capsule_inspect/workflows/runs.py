"""List the runs below a folder."""

from pathlib import Path

from capsule_inspect.choices import RunCommand
from capsule_inspect.errors import UsageError
from capsule_inspect.files import StrPath
from capsule_inspect.runs.find_runs import find_runs
from capsule_inspect.runs.run import Run, sort_runs
from capsule_inspect.runs.run_folder import RUNS
from capsule_inspect.text import suggest_path


def list_runs(
    folder: StrPath = RUNS, *, command: RunCommand | None = None, sort: str | None = None
) -> tuple[Run, ...]:
    """Lists the runs in a folder and below it, those that were stopped or are damaged included.

    Args:
        folder: The folder to search.
        command: List only the runs of this command.
        sort: A metric to sort by, best first; None lists the newest first.

    Raises:
        UsageError: There is no such folder, or no run has that metric.
    """
    place = Path(folder)
    if not place.is_dir():
        raise UsageError(
            f"There is no folder '{place}'.{suggest_path(place)} Runs are in '{RUNS}' unless they "
            "were put elsewhere with -o: capsule-inspect runs FOLDER"
        )
    found = [run for run in find_runs(place) if command in (None, run.command)]
    return tuple(found if sort is None else sort_runs(found, sort))
