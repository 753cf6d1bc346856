"""Writing `predictions.csv`."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from capsule_inspect.inference.record import Record, csv_line, record_columns
from capsule_inspect.inference.sentences_for import sentences_for


class RecordWriter:
    """Writes `predictions.csv` row by row; what is on disk can be read at any time.

    Args:
        path: The file.
        classes: Class names in the model's order.
        keep: Bytes to keep of a file that is there, from `recover_records`; 0 puts a new file in
            its place.

    Raises:
        UsageError: The file cannot be written; likewise from `write` and at the end.
    """

    def __init__(self, path: Path, classes: Sequence[str], keep: int = 0) -> None:
        self._folder = path.parent
        self._classes = tuple(classes)
        with sentences_for(self._folder):
            if not keep:
                path.unlink(missing_ok=True)
            # Unbuffered: the rows of a picture are one write.
            self._file = path.open("r+b" if keep else "xb", buffering=0)
            if keep:
                self._file.truncate(keep)
                self._file.seek(keep)
            else:
                self._append(csv_line(record_columns(self._classes)))

    def __enter__(self) -> "RecordWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with sentences_for(self._folder), self._file:
            if error is None:  # or its sentence would be lost behind another
                os.fsync(self._file.fileno())

    def write(self, records: Sequence[Record]) -> None:
        """Appends the rows of one picture.

        Raises:
            UsageError: The file cannot be written.
        """
        with sentences_for(self._folder):
            self._append(b"".join(record.to_csv(self._classes) for record in records))

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        while left:  # an unbuffered file may take less than it is given
            left = left[self._file.write(left) :]
