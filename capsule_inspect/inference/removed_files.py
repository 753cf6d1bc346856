"""`removed.csv`: the overlays and masks that a watch removed, since they were old or too many.

The rows still name them, and digests.csv tells what they were. The seal in run.json covers the
list, so nobody can add a name to hide that a file is missing.
"""

import csv
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from capsule_inspect.files import hash_file
from capsule_inspect.inference.growing_file import GrowingFile
from capsule_inspect.inference.records import csv_line, guard_text, whole_lines
from capsule_inspect.inference.results_folder import ResultsFolder

_HEADER: Final = csv_line(("file",))


def read_removed(folder: Path) -> tuple[str, ...]:
    """Returns the names of removed files, relative to the results folder; none without a list.

    Raises:
        OSError: The list cannot be read.
    """
    return _read(ResultsFolder(folder).removed)[0]


def hash_removed(folder: Path) -> str:
    """Returns the SHA-256 of the list; empty without one.

    Raises:
        OSError: The list cannot be read.
    """
    file = ResultsFolder(folder).removed
    return hash_file(file) if file.is_file() else ""


def _read(file: Path) -> tuple[tuple[str, ...], int]:
    """Returns the names, and the byte at which the last whole line ends."""
    data = file.read_bytes() if file.is_file() else b""
    names: list[str] = []
    end = len(_HEADER) if data.startswith(_HEADER) else 0
    with suppress(ValueError, csv.Error):  # a power cut can leave zeros at the end
        for start, stop in whole_lines(data, end) if end else ():
            ((name,),) = csv.reader([data[start:stop].decode()], strict=True)
            names.append(name.removeprefix("'"))
            end = stop
    return tuple(names), end


class RemovedFiles(GrowingFile):
    """The list, open to be added to.

    Args:
        folder: The results folder.

    Raises:
        UsageError: The list cannot be written; also raised by `add` and at the end.
    """

    def __init__(self, folder: Path) -> None:
        file = ResultsFolder(folder).removed
        super().__init__(file, _HEADER, _read(file)[1])

    def add(self, names: Sequence[str]) -> None:
        """Adds names, and waits until they are on the disk.

        Raises:
            UsageError: The list cannot be written.
        """
        self.append(b"".join(csv_line((guard_text(name),)) for name in names))
        self.sync()
