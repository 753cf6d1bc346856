"""What becomes of a picture once its rows are on the disk: it is kept, moved or deleted."""

import errno
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from capsule_inspect.choices import AfterRows
from capsule_inspect.files import UNFINISHED, hash_file
from capsule_inspect.text import printable
from capsule_inspect.watching.listing import Stamp, stamp_of
from capsule_inspect.watching.troubles import Troubles

_RETRY: Final = 5.0
"""Seconds until what failed is tried again."""


@dataclass(frozen=True)
class Inspected:
    """A picture that has rows.

    Attributes:
        path: The file.
        relative: The way to it from the watched folder.
        stamp: The state in which it was inspected.
        sha256: Of its content.
        is_error: Whether it is damaged, or no picture.
    """

    path: str
    relative: PurePath
    stamp: Stamp
    sha256: str
    is_error: bool = False


class Afterwards:
    """Does what was asked for with pictures that have rows; what fails is tried again.

    Args:
        then: What to do.
        to: Where to move them.
        troubles: Takes what fails.
        clock: The time, monotonic.
    """

    def __init__(
        self,
        then: AfterRows,
        to: Path | None,
        troubles: Troubles,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._then, self._to = then, to
        self._troubles, self._clock = troubles, clock
        self._waiting: dict[str, Inspected] = {}
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, picture: Inspected) -> None:
        """Takes a picture whose rows are on the disk; one that was taken already counts once."""
        if self._then != "keep":
            self._waiting[picture.path] = picture

    def run(self, is_last: bool = False) -> None:
        """Moves or deletes the pictures that wait.

        Args:
            is_last: Whether to try now what failed just before.
        """
        if not is_last and self._clock() < self._next:
            return
        for path, picture in list(self._waiting.items()):
            try:
                self._apply(picture)
            except OSError as error:
                what = "moved" if self._then == "move" else "deleted"
                reason = error.strerror or error
                self._troubles.tell(
                    "afterwards",
                    f"'{printable(path)}' cannot be {what}: {reason}. It is tried again.",
                )
                self._next = self._clock() + _RETRY
                return
            del self._waiting[path]
        self._troubles.mend("afterwards", "Pictures can be moved or deleted again.")

    def _apply(self, picture: Inspected) -> None:
        """Moves or deletes a picture, unless it is another one by now."""
        if stamp_of(picture.path) != picture.stamp:
            return
        if self._then == "delete" and not picture.is_error:  # nobody knows what it shows
            Path(picture.path).unlink(missing_ok=True)
        elif self._then == "move" and self._to is not None:
            _move(Path(picture.path), self._to / picture.relative, picture.sha256)


def _move(file: Path, target: Path, digest: str) -> None:
    """Moves a file; another one that has its place keeps it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    place = target
    while os.path.lexists(place):
        if place.is_file() and hash_file(place) == digest:
            file.unlink(missing_ok=True)  # it was copied, and the process killed before this
            return
        number += 1
        place = target.with_name(f"{target.stem}-{number}{target.suffix}")
    try:
        file.rename(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(file, place)
        file.unlink()


_BLOCK: Final = 1 << 20


def _copy(file: Path, place: Path) -> None:
    """Copies a file to another file system; it has its name there once it is on the disk."""
    unfinished = place.with_name(f"{UNFINISHED}{os.getpid()}{place.suffix}")
    try:
        with file.open("rb") as source, unfinished.open("wb") as copy:
            shutil.copyfileobj(source, copy, _BLOCK)
            copy.flush()
            os.fsync(copy.fileno())
        shutil.copystat(file, unfinished)
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)
