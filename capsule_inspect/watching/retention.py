"""How long overlays and masks stay: some days, and as long as the disk has room for them."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.records import Record
from capsule_inspect.inference.removed_files import RemovedFiles, read_removed
from capsule_inspect.inference.results_folder import PICTURE_FOLDERS
from capsule_inspect.watching.examine import Examined
from capsule_inspect.watching.troubles import Troubles

_DAY = 86400.0


@dataclass(frozen=True, order=True)
class _Kept:
    """A file that may be removed: when it was written, its name and its bytes."""

    written: float
    name: str
    size: int


class Retention:
    """Removes the oldest overlays and masks; rows and digests stay, and tell what they were.

    Each name is in `removed.csv` before its file goes, so that `verify` knows of it.

    Args:
        folder: The results folder.
        days: Files that are older are removed; None for any age.
        most: The most bytes of all files together; None for any number.
        troubles: Takes what cannot be removed.
        now: The time, in seconds since 1970, as that of files.

    Raises:
        UsageError: The list of removed files cannot be written.
        OSError: The folder cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        days: float | None,
        most: int | None,
        troubles: Troubles,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._troubles, self._now = folder, troubles, now
        self._seconds = None if days is None else days * _DAY
        self._most = most
        self._list = RemovedFiles(folder)
        for name in read_removed(folder):
            (folder / name).unlink(missing_ok=True)  # it was killed between the two
        found = (
            self._look_at(file.relative_to(folder).as_posix())
            for place in PICTURE_FOLDERS
            for file in (folder / place).rglob("*")
            if file.is_file()
        )
        self._kept = deque(sorted(each for each in found if each is not None))
        self._bytes = sum(each.size for each in self._kept)

    def before(self, number: int, found: Examined) -> None:
        """Waits until the files are written."""

    def after(self, count: int, records: Sequence[Record]) -> None:
        """Takes the files that the rows of a picture name."""
        del count
        for name in filter(None, (records[0].overlay, records[0].mask)):
            kept = self._look_at(name)
            if kept is not None:
                self._kept.append(kept)
                self._bytes += kept.size

    def _look_at(self, name: str) -> _Kept | None:
        try:
            status = (self._folder / name).stat()
        except OSError:
            return None
        return _Kept(status.st_mtime, name, status.st_size)

    def run(self) -> None:
        """Removes what is too old, or too much; what fails is tried again."""
        gone = self._overdue()
        if not gone:
            return
        try:
            self._list.add([each.name for each in gone])
            for each in gone:
                (self._folder / each.name).unlink(missing_ok=True)
        except (UsageError, OSError) as error:
            self._kept.extendleft(reversed(gone))
            self._bytes += sum(each.size for each in gone)
            self._troubles.tell("retention", f"Old overlays cannot be removed: {error}")
        else:
            self._troubles.mend("retention", "Old overlays can be removed again.")

    def _overdue(self) -> list[_Kept]:
        gone = []
        while self._kept and self._is_overdue(self._kept[0]):
            gone.append(self._kept.popleft())
            self._bytes -= gone[-1].size
        return gone

    def _is_overdue(self, kept: _Kept) -> bool:
        is_old = self._seconds is not None and self._now() - kept.written > self._seconds
        return is_old or (self._most is not None and self._bytes > self._most)

    def close(self) -> None:
        """Closes the list.

        Raises:
            UsageError: It cannot be written.
        """
        self._list.__exit__(None, None, None)
