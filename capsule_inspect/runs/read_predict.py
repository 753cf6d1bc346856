"""What the folder of `predict` says."""

from pathlib import Path

from capsule_inspect.classes import GOOD
from capsule_inspect.inference.results_folder import ResultsFolder
from capsule_inspect.runs.run import RunStatus
from capsule_inspect.runs.stored import read_json, read_rows, require_columns


def read_predict(path: Path) -> RunStatus:
    """Reads the folder of a batch: how many rows it has, and how many of them are defective.

    Whether all pictures have their row it does not say.

    Raises:
        DataError: A file is damaged.
    """
    folder = ResultsFolder(path)
    if folder.run_file.exists():
        read_json(folder.run_file)
    if not folder.records.exists():
        return RunStatus("unfinished", "no rows yet")
    rows = read_rows(folder.records)
    require_columns(folder.records, rows, "label")
    defective = sum(row["label"] not in ("", GOOD) for row in rows)
    return RunStatus(
        None,
        f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}, {defective} defective",
        counts={"rows": len(rows), "defective": defective},
    )
