"""What the folder of `tune` says."""

from pathlib import Path

from capsule_inspect.runs.run import MetricValue, RunStatus
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.runs.stored import (
    number,
    read_rows,
    read_settings,
    require_columns,
    whole_number,
)

_TABLE = "trials.csv"
_FINISHED = ("complete", "pruned")


def read_tune(path: Path) -> RunStatus:
    """Reads the folder of a search: the best score, and how many of its trials are finished.

    Raises:
        DataError: A file is damaged.
    """
    planned = whole_number(read_settings(RunFolder(path).config), "tune.trials")
    table = path / _TABLE
    rows = read_rows(table) if table.exists() else []
    require_columns(table, rows, "state", "score")
    done = sum(row["state"] in _FINISHED for row in rows)
    scores = [number(row, "score", table) for row in rows if row["state"] == "complete"]
    best = f", best score {max(scores):.3f}" if scores else ""
    return RunStatus(
        state="finished" if done >= planned else "unfinished",
        note=f"{done} of {planned} trials{best}",
        measured_on="val" if scores else "",
        metrics=(MetricValue("score", max(scores)),) if scores else (),
        counts={"trials": done, "planned_trials": planned},
    )
