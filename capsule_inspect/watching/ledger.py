"""The ledger: which content has rows, by path. Identity is content, not name.

Cameras begin to count anew after a power cut, so names come again. What has rows is known by
`digests.csv`; `watched.csv` adds size and time of each file, so that a restart need not read all
files again. A line that it lacks costs one look at a file.
"""

import csv
from collections.abc import Collection, Container
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from capsule_inspect.inference.digests import PictureDigests
from capsule_inspect.inference.growing_file import GrowingFile
from capsule_inspect.inference.records import csv_line, guard_text, whole_lines
from capsule_inspect.text import printable
from capsule_inspect.watching.listing import Stamp

WATCHED: Final = "watched.csv"
"""The name of the file, by which a folder of `watch` is known."""

COLUMNS: Final = ("path", "size", "mtime_ns", "sha256")
_HEADER: Final = csv_line(COLUMNS)


@dataclass(frozen=True)
class Known:
    """What has rows under a path.

    Attributes:
        sha256: Of the last content; empty if it could not be read.
        times: How many pictures have had rows under this path.
        is_error: Whether its row is one with an error.
        state: Size and time of the file; None if not known.
    """

    sha256: str
    times: int
    is_error: bool
    state: tuple[int, int] | None = None

    def is_of(self, stamp: Stamp) -> bool:
        """Tells whether a file is in the state whose content has rows.

        One that could not be read never is: it may have become readable.
        """
        return bool(self.sha256) and self.state == (stamp.size, stamp.mtime_ns)


class Ledger:
    """What has rows, by path, with the states that files of that content were seen in.

    Args:
        file: The file `watched.csv`; made if need be.
        pictures: The digests of all pictures that have rows, in order.
        errors: The numbers of those whose row is one with an error, from 0.
        trusts_file: Whether what only the file names has rows, too: in a folder that is gone.

    Raises:
        UsageError: The file cannot be written; also raised by `write` and `close`.
    """

    def __init__(
        self,
        file: Path,
        pictures: Collection[PictureDigests] = (),
        errors: Container[int] = frozenset(),
        trusts_file: bool = False,
    ) -> None:
        self._known: dict[str, Known] = {}
        for number, each in enumerate(pictures):
            before = self._known.get(each.path)
            times = before.times + 1 if before else 1
            self._known[each.path] = Known(each.picture_sha256, times, number in errors)
        data = file.read_bytes() if file.exists() else b""
        named = {(each.path, each.picture_sha256) for each in pictures} if trusts_file else None
        keep = self._read(data, named) if data.startswith(_HEADER) else 0
        self._file = GrowingFile(file, _HEADER, keep)
        self._unwritten: list[bytes] = []

    def _read(self, data: bytes, named: Container[tuple[str, str]] | None) -> int:
        """Takes the states of known content.

        Args:
            data: The file.
            named: The paths and contents that digests name; with them, others count as known, too.

        Returns:
            The byte at which the last whole line ends.
        """
        end = len(_HEADER)
        with suppress(ValueError, csv.Error):  # a power cut can leave zeros at the end
            for start, stop in whole_lines(data, end):
                (cells,) = csv.reader([data[start:stop].decode()], strict=True)
                path, size, mtime_ns, digest = cells
                path, state = path.removeprefix("'"), (int(size), int(mtime_ns))
                known = self._known.get(path)
                if known is not None and known.sha256 == digest:
                    self._known[path] = replace(known, state=state)
                elif named is not None and (path, digest) not in named:
                    # Nobody knows whether it could be read. So it counts as one that could not be,
                    # which is never deleted.
                    times = known.times + 1 if known else 1
                    self._known[path] = Known(digest, times, is_error=True, state=state)
                end = stop
        return end

    def get(self, path: str) -> Known | None:
        """Returns what has rows under a path; None if nothing has."""
        return self._known.get(printable(path))

    def add(self, path: str, stamp: Stamp, digest: str, is_error: bool) -> Known:
        """Notes that rows were written for a file.

        Args:
            path: The file.
            stamp: Its state.
            digest: SHA-256 of its content; empty if it could not be read.
            is_error: Whether they say that it could not be read.
        """
        before = self.get(path)
        times = before.times + 1 if before else 1
        return self._note(path, stamp, Known(digest, times, is_error))

    def touch(self, path: str, stamp: Stamp, known: Known) -> Known:
        """Notes that a file of known content is in another state."""
        return self._note(path, stamp, known)

    def _note(self, path: str, stamp: Stamp, known: Known) -> Known:
        noted = replace(known, state=(stamp.size, stamp.mtime_ns))
        self._known[printable(path)] = noted
        self._unwritten.append(self._line(path, stamp, known.sha256))
        return noted

    def write(self) -> None:
        """Writes what was noted.

        Raises:
            UsageError: The file cannot be written; it is tried again with what is noted next.
        """
        data = b"".join(self._unwritten)
        self._file.append(data)
        self._unwritten.clear()

    @staticmethod
    def _line(path: str, stamp: Stamp, digest: str) -> bytes:
        cells = (guard_text(printable(path)), str(stamp.size), str(stamp.mtime_ns), digest)
        return csv_line(cells)

    def close(self) -> None:
        """Closes the file.

        Raises:
            UsageError: It cannot be written.
        """
        self._file.__exit__(None, None, None)
