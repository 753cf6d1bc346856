"""What the folder of `evaluate` says."""

from pathlib import Path

from capsule_inspect.runs.run import RunStatus
from capsule_inspect.runs.stored import metric_values, read_json

_METRICS = "metrics.json"


def read_evaluate(path: Path) -> RunStatus:
    """Reads the folder of an evaluation: its metrics, and the split they were measured on.

    Raises:
        DataError: Its metrics.json is damaged.
    """
    file = path / _METRICS
    if not file.exists():
        return RunStatus("unfinished", f"no {_METRICS} yet")
    document = read_json(file)
    metrics = metric_values(document, "metrics", file)
    n = document.get("n")
    counts = {"pictures": n} if type(n) is int else {}
    pictures = f", n={n}" if counts else ""
    return RunStatus(
        "finished", measured_on=f"{document.get('split')}{pictures}", metrics=metrics, counts=counts
    )
