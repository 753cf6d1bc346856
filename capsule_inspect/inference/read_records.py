"""Reading `predictions.csv`."""

import csv
from pathlib import Path

from capsule_inspect.errors import DataError
from capsule_inspect.inference.record import PROBABILITY, Record, record_columns


def read_records(path: Path) -> tuple[Record, ...]:
    """Reads back what `RecordWriter` wrote.

    Args:
        path: The file.

    Returns:
        All its rows, in order.

    Raises:
        DataError: The file cannot be read or is no `predictions.csv`.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            columns = tuple(reader.fieldnames or ())
            classes = [c.removeprefix(PROBABILITY) for c in columns if c.startswith(PROBABILITY)]
            if columns != record_columns(classes):
                raise ValueError("its columns are others")
            return tuple(Record.from_row(row) for row in reader)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"'{path}' cannot be read as a predictions.csv: {error}.") from error
