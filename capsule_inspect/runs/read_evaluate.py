"""What the folder of `evaluate` says."""

from pathlib import Path

from capsule_inspect.runs.run import Findings
from capsule_inspect.runs.stored import figures_of, read_json

_METRICS = "metrics.json"


def read_evaluate(path: Path) -> Findings:
    """Reads the folder of an evaluation: its metrics, and the split they were measured on.

    Raises:
        DataError: Its metrics.json is damaged.
    """
    file = path / _METRICS
    if not file.exists():
        return Findings("unfinished", f"no {_METRICS} yet")
    document = read_json(file)
    figures = figures_of(document, "metrics", file)
    n = document.get("n")
    counts = {"pictures": n} if type(n) is int else {}
    pictures = f", n={n}" if counts else ""
    return Findings(
        "finished", measured_on=f"{document.get('split')}{pictures}", figures=figures, counts=counts
    )
