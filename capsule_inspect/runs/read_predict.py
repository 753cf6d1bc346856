"""What the folder of `predict` says."""

from pathlib import Path

from capsule_inspect.classes import GOOD
from capsule_inspect.runs.run import RunStatus
from capsule_inspect.runs.stored import read_json, read_rows, require_columns

_ROWS, _MADE_WITH = "predictions.csv", "run.json"


def read_predict(path: Path) -> RunStatus:
    """Reads the folder of a batch: how many rows it has, and how many of them are defective.

    Whether all pictures have their row it does not say.

    Raises:
        DataError: A file is damaged.
    """
    if (path / _MADE_WITH).exists():
        read_json(path / _MADE_WITH)
    file = path / _ROWS
    if not file.exists():
        return RunStatus("unfinished", "no rows yet")
    rows = read_rows(file)
    require_columns(file, rows, "label")
    defective = sum(row["label"] not in ("", GOOD) for row in rows)
    return RunStatus(
        None,
        f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}, {defective} defective",
        counts={"rows": len(rows), "defective": defective},
    )
