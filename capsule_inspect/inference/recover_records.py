"""What can be gone on with of a `predictions.csv` whose run was cut short."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.errors import DataError
from capsule_inspect.inference.record import Record, csv_line, record_columns


@dataclass(frozen=True)
class RecoveredRecords:
    """What an unfinished `predictions.csv` surely holds.

    Attributes:
        pictures: The rows of each finished picture.
        starts: Where the rows of each begin, in bytes.
        size: The bytes of the file up to the end of all.
    """

    pictures: tuple[tuple[Record, ...], ...] = ()
    starts: tuple[int, ...] = ()
    size: int = 0

    def first(self, count: int) -> "RecoveredRecords":
        """Returns what it holds of the first pictures alone."""
        size = (*self.starts, self.size)[count]
        return RecoveredRecords(self.pictures[:count], self.starts[:count], size)


def recover_records(path: Path, classes: Sequence[str]) -> RecoveredRecords:
    """Reads what a run that was cut short has written.

    What follows a row that is not whole is left out, and so is the last picture: rows of further
    capsules of it may be missing.

    Args:
        path: The file.
        classes: Class names in the model's order.

    Returns:
        The rows of all pictures but the last; nothing of a file that is empty.

    Raises:
        DataError: The file cannot be read, or is the `predictions.csv` of other classes.
    """
    columns = record_columns(classes)
    header = csv_line(columns)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.") from error
    if not data.startswith(header):
        if header.startswith(data):
            return RecoveredRecords()
        raise DataError(f"'{path}' is not a predictions.csv of this model's classes.")
    pictures: list[list[Record]] = []
    starts: list[int] = []
    with suppress(ValueError, csv.Error):  # a power cut can leave zeros at the end
        for start, end in _whole_lines(data, len(header)):
            (cells,) = csv.reader([data[start:end].decode()], strict=True)
            record = Record.from_row(dict(zip(columns, cells, strict=True)))
            if not pictures or pictures[-1][0].path != record.path:
                pictures.append([])
                starts.append(start)
            pictures[-1].append(record)
    finished = tuple(tuple(records) for records in pictures[:-1])
    return RecoveredRecords(finished, tuple(starts[:-1]), starts[-1] if starts else len(header))


def _whole_lines(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yields where each line of a CSV begins and ends; line feeds within quotes end none."""
    quoted = False
    for mark in re.finditer(rb'["\n]', data):
        if mark.start() < start:
            continue
        if mark[0] == b'"':
            quoted = not quoted
        elif not quoted:
            yield start, mark.end()
            start = mark.end()
