"""Results in several folders, one after the other: one a day, or one for so many bytes of rows.

Each is whole by itself, and sealed when the next one begins.
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import date
from pathlib import Path
from typing import Final

from capsule_inspect.files import write_csv
from capsule_inspect.inference.records import csv_line
from capsule_inspect.inference.results_folder import (
    OpenResults,
    ResultsFolder,
    RunSettings,
    open_results,
    sentences_for,
)
from capsule_inspect.watching.ledger import COLUMNS, WATCHED
from capsule_inspect.watching.options import DAILY, Rotation
from capsule_inspect.watching.results import Earlier, recover

FOLDERS: Final = "folders.csv"
"""The list of the folders that are finished, beside them."""

_COLUMNS: Final = ("folder", "pictures")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_NUMBER: Final = re.compile(r"\d{6,}")


_NEWEST_GONE: Final = (
    "The newest results folder is gone. Its pictures have no rows any more, and are not inspected "
    f"again. To inspect them, put it back; or stop the watch and delete {WATCHED}, but then so are "
    "those of all folders that were moved or deleted."
)


def _today() -> date:
    return date.today()


class FolderSeries:
    """The results folders of a watch, of which the last one is open.

    By day, a folder is called by its date, such as `2026-12-01`; by size, by its number. The next
    one begins with the first picture after midnight, or after so many bytes of rows. A clock that
    is set back begins none: rows go on where they were.

    Args:
        home: The folder that holds them.
        settings: The settings of the watch.
        rotation: By day, or the bytes of rows.
        warn: Told in a sentence if the file system has no locks, the newest folder is gone, or it
            is of a day to come.
        today: The date.

    Raises:
        UsageError: A folder cannot be read or written.
    """

    def __init__(
        self,
        home: Path,
        settings: RunSettings,
        rotation: Rotation,
        warn: Callable[[str], None] = lambda _: None,
        today: Callable[[], date] = _today,
    ) -> None:
        self._home, self._settings, self._rotation = home, settings, rotation
        self._warn, self._today = warn, today
        self._opened = ExitStack()
        with sentences_for(home):
            self._finished = _read_finished(home / FOLDERS)
            found = find_folders(home, rotation)
            if not (found and found[-1] not in self._finished) and _names_pictures(home / WATCHED):
                warn(_NEWEST_GONE)
        *self._earlier, self._last = found or [self._name_after(max(self._finished, default=""))]
        self._is_future_said = False
        self._warn_of_future()

    @property
    def last(self) -> ResultsFolder:
        """The folder that rows go into; it need not exist yet."""
        return ResultsFolder(self._home / self._last)

    @property
    def folders(self) -> list[ResultsFolder]:
        """All folders that are there, and the last one."""
        return [ResultsFolder(self._home / name) for name in (*self._earlier, self._last)]

    def _warn_of_future(self) -> None:
        """Says once that rows go into the folder of a day that has not come."""
        is_future = self._rotation == DAILY and self._last > self._today().isoformat()
        if is_future and not self._is_future_said:
            self._is_future_said = True
            self._warn(
                f"The newest results folder, '{self.last.path}', is of a day that has not come, "
                "and rows go there until then. If the clock was wrong, stop the watch, rename the "
                "folder to a past day that has none, and watch again."
            )

    def read_earlier(self, classes: Sequence[str]) -> Earlier:
        """Returns what the folders before the last one hold.

        One that somebody removed counts with its pictures, so that their numbers stay.

        Args:
            classes: Class names in the model's order.

        Raises:
            UsageError: Somebody edited one; it cannot be read.
        """
        found = Earlier()
        for name in self._earlier:
            own = recover(ResultsFolder(self._home / name), classes)
            found = found.and_then(own)
            self._finished[name] = len(own.chain.pictures)
        before = [count for name, count in self._finished.items() if name != self._last]
        return Earlier(found.pictures, found.errors, sum(before))

    def open(self) -> OpenResults:
        """Opens the last folder, and closes the one that was open before.

        Raises:
            UsageError: It cannot be written.
        """
        with ExitStack() as opened:
            last = open_results(self.last.path, self._settings, "resume", self._warn)
            results = opened.enter_context(last)
            self._opened.close()
            self._opened = opened.pop_all()
        return results

    def is_over(self, current: ResultsFolder, pictures: int) -> bool:
        """Tells whether the next rows belong into another folder than this one, the last.

        Args:
            current: The last folder.
            pictures: How many pictures have rows in it.

        Raises:
            UsageError: It is not there.
        """
        if self._rotation == DAILY:
            self._warn_of_future()
            return self._name_after(self._last) != self._last
        with sentences_for(current.path):
            return pictures > 0 and current.records.stat().st_size >= self._rotation

    def turn(self, current: ResultsFolder, pictures: int) -> OpenResults:
        """Opens the folder after this one, which is sealed.

        Args:
            current: The last folder.
            pictures: How many pictures have rows in it.

        Raises:
            UsageError: A folder cannot be written. Call again.
        """
        with sentences_for(self._home):
            finished = {**self._finished, current.path.name: pictures}
            write_csv(self._home / FOLDERS, [_COLUMNS, *finished.items()])
        before, self._last = self._last, self._name_after(self._last)
        try:
            results = self.open()
        except BaseException:
            self._last = before
            raise
        self._finished = finished
        return results

    def close(self) -> None:
        """Closes the open folder."""
        self._opened.close()

    def _name_after(self, last: str) -> str:
        """Returns the name of the folder for the next rows; by day, the same on the same day."""
        if self._rotation == DAILY:
            return max(last, self._today().isoformat())
        return f"{int(last or '0') + 1:06}"


def find_folders(home: Path, rotation: Rotation) -> list[str]:
    """Returns the names of the results folders of a watch, in order.

    Args:
        home: The folder that holds them.
        rotation: How they follow each other.
    """
    is_ours = _is_day if rotation == DAILY else _NUMBER.fullmatch
    names = (each.name for each in home.iterdir() if each.is_dir())
    return sorted(filter(is_ours, names), key=lambda name: (len(name), name))


def _is_day(name: str) -> bool:
    """Tells whether a name is a date that there is; `2026-13-45` would take rows for ever."""
    with suppress(ValueError):
        return _DAY.fullmatch(name) is not None and bool(date.fromisoformat(name))
    return False


def _names_pictures(ledger: Path) -> bool:
    """Tells whether a ledger names any picture."""
    return ledger.exists() and ledger.stat().st_size > len(csv_line(COLUMNS))


def _read_finished(file: Path) -> dict[str, int]:
    text = file.read_text("utf-8") if file.exists() else ""
    finished: dict[str, int] = {}
    with suppress(KeyError, TypeError, ValueError, csv.Error):
        for row in csv.DictReader(io.StringIO(text)):
            finished[row["folder"]] = int(row["pictures"])
    return finished
