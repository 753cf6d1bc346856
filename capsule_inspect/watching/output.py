"""The way out of a watch: what is inspected is written, noted, told of, and moved."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.records import Record
from capsule_inspect.reporter import Reporter
from capsule_inspect.text import counted
from capsule_inspect.watching.afterwards import Afterwards, Inspected
from capsule_inspect.watching.counts import Counts
from capsule_inspect.watching.examine import Examined
from capsule_inspect.watching.ledger import Known, Ledger
from capsule_inspect.watching.listing import Stamp, WatchedFolder
from capsule_inspect.watching.results import WatchResults
from capsule_inspect.watching.troubles import Troubles

_RETRY: Final = 2.0
"""Seconds until results that could not be written are tried again."""

_MOST_AT_ONCE: Final = 64
"""Pictures to write at a time, with one wait for the disk for all."""


class Listener(Protocol):
    """Is told of rows."""

    def before(self, number: int, found: Examined) -> None:
        """Takes a picture whose rows are about to be written.

        Args:
            number: How many pictures have rows already.
            found: The picture, with rows.

        Raises:
            OSError: It cannot take it now; the picture waits.
        """

    def after(self, count: int, records: Sequence[Record]) -> None:
        """Takes the rows of a picture.

        Args:
            count: How many pictures have rows on the disk.
            records: The rows of the last one.
        """


@dataclass(frozen=True)
class Done:
    """A file that was looked at to an end.

    Attributes:
        found: Its results; without rows, its content has some already.
        first_seen: When it was seen first, by a monotonic clock.
    """

    found: Examined
    first_seen: float


class Output:
    """Writes rows in order; what cannot be written waits, and somebody is told.

    Args:
        folder: The watched folder.
        results: Where rows go.
        ledger: Notes what has rows.
        afterwards: Takes pictures that have rows.
        listeners: Are told of rows.
        counts: Counts rows.
        troubles: Takes what cannot be written.
        reporter: Takes a line for each picture.
        clock: The time, monotonic.
    """

    def __init__(  # noqa: PLR0913, PLR0917  (it ties all ends together)
        self,
        folder: WatchedFolder,
        results: WatchResults,
        ledger: Ledger,
        afterwards: Afterwards,
        listeners: Sequence[Listener],
        counts: Counts,
        troubles: Troubles,
        reporter: Reporter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._results, self._ledger = folder, results, ledger
        self._afterwards, self._listeners, self._counts = afterwards, listeners, counts
        self._troubles, self._reporter, self._clock = troubles, reporter, clock
        self._waiting: deque[Done] = deque()
        self._count = results.count
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, done: Done) -> None:
        """Takes a file that was looked at to an end."""
        self._waiting.append(done)

    def pass_on(self, path: str, stamp: Stamp, known: Known) -> None:
        """Takes a file that has its rows, so that it is moved or deleted if that was asked for."""
        if known.sha256:
            relative = self._folder.relative(path)
            self._afterwards.put(Inspected(path, relative, stamp, known.sha256, known.is_error))

    def write(self, is_last: bool = False) -> list[Done]:
        """Writes what waits.

        Args:
            is_last: Whether to try now what failed just before.

        Returns:
            The files that have rows on the disk now.
        """
        written: list[Done] = []
        if self._clock() < self._next and not is_last:
            return written
        while self._waiting:
            batch = [self._waiting[n] for n in range(min(len(self._waiting), _MOST_AT_ONCE))]
            try:
                self._append([each.found for each in batch])
            except (UsageError, OSError) as error:
                waiting = counted(len(self._waiting), "picture")
                self._troubles.tell("results", f"{_sentence(error)} Meanwhile {waiting} wait.")
                self._next = self._clock() + _RETRY
                return written
            for done in batch:
                self._waiting.popleft()
                self._note(done)
                written.append(done)
            self._write_ledger()
        if written:
            self._troubles.mend("results", "Results can be written again.")
        return written

    def _write_ledger(self) -> None:
        try:
            self._ledger.write()
        except UsageError as error:
            self._troubles.tell("ledger", str(error))
        else:
            self._troubles.mend("ledger")

    def _append(self, batch: Sequence[Examined]) -> None:
        fresh = [found for found in batch if found.inspected is not None]
        for number, found in enumerate(fresh, self._count):
            if number >= self._results.count:
                for listener in self._listeners:
                    listener.before(number, found)
        self._results.append(self._count, [each.inspected for each in fresh if each.inspected])

    def _note(self, done: Done) -> None:
        found, inspected = done.found, done.found.inspected
        path = found.look.path
        known = self._ledger.get(path)
        if inspected is None:  # its content has rows already
            if known is not None:
                known = self._ledger.touch(path, found.stamp, known)
        else:
            known = self._ledger.add(path, found.stamp, found.sha256, bool(found.reason))
            self._count += 1
            is_replacement = bool(found.look.known)
            seconds = self._clock() - done.first_seen
            self._counts.add(inspected.records, seconds, is_replacement)
            self._reporter.say(_line(inspected.records, is_replacement))
            for listener in self._listeners:
                listener.after(self._count, inspected.records)
        if known is not None:
            self.pass_on(path, found.stamp, known)


def _sentence(error: UsageError | OSError) -> str:
    if isinstance(error, UsageError):
        return str(error)
    return f"'{error.filename or 'A file'}' cannot be written: {error.strerror or error}."


def _line(records: Sequence[Record], is_replacement: bool) -> str:
    """Returns the line of a picture, such as `crack 0.973 in/b.png`."""
    told = ", ".join(map(_describe, records))
    mark = " (replaced another one of its name)" if is_replacement else ""
    error = f": {records[0].error}" if records[0].error else ""
    return f"{told} {records[0].path}{mark}{error}"


def _describe(record: Record) -> str:
    if record.status != "ok" or record.defect_score is None:
        return record.status
    return f"{record.label} {record.defect_score:.3f}"
