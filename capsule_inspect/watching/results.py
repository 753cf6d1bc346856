"""The results of a watch: rows and digests that survive a kill at any moment, each once."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from capsule_inspect.choices import PictureFormat
from capsule_inspect.errors import UsageError
from capsule_inspect.inference.digests import (
    Chain,
    DigestWriter,
    PictureDigests,
    read_chain,
    sha256,
)
from capsule_inspect.inference.inspect_picture import InspectedPicture
from capsule_inspect.inference.picture_results import digest_picture
from capsule_inspect.inference.records import RecordWriter, csv_line, record_columns, whole_lines
from capsule_inspect.inference.removed_files import hash_removed
from capsule_inspect.inference.result_names import fold_name, mark_name
from capsule_inspect.inference.results_folder import (
    PICTURE_FOLDERS,
    OpenResults,
    ResultsFolder,
    sentences_for,
)
from capsule_inspect.inference.seal import Seal


@dataclass(frozen=True)
class Recovered:
    """What is on the disk for sure.

    Attributes:
        chain: The digests of the pictures that have all their rows.
        rows_size: The byte at which the rows of the last of them end.
        errors: The numbers, from 0, of those that could not be read.
    """

    chain: Chain
    rows_size: int
    errors: frozenset[int] = frozenset()


def recover(folder: ResultsFolder, classes: Sequence[str]) -> Recovered:
    """Reads the results of a watch that may have been killed.

    Digests are written once the rows are on the disk. So rows without digests may be halves, and
    their pictures, still in the watched folder, are inspected again.

    Args:
        folder: The results folder.
        classes: Class names in the model's order.

    Raises:
        UsageError: Someone edited rows or digests; a file cannot be read.
    """
    with sentences_for(folder.path):
        chain = read_chain(folder.digests)
        rows = folder.records.read_bytes() if folder.records.exists() else b""
    if not chain.pictures and not chain.later:
        return Recovered(chain, 0)
    header = csv_line(record_columns(classes))
    is_whole = not chain.later and rows.startswith(header)
    size = len(header)
    groups, errors = _rows_by_picture(rows, size), set()
    for number, each in enumerate(chain.pictures if is_whole else ()):
        start, end, status = next(groups, (0, 0, ""))
        if sha256(rows[start:end]) != each.rows_sha256:
            is_whole = False
            break
        size = end
        if status == "error":
            errors.add(number)
    if not is_whole:
        raise UsageError(
            f"The rows in '{folder.path}' are not as the watch left them: someone edited or "
            "removed predictions.csv or digests.csv. Put them back, or name another folder with -o."
        )
    return Recovered(chain, size, frozenset(errors))


def _rows_by_picture(data: bytes, start: int) -> Iterator[tuple[int, int, str]]:
    """Yields where the rows of each picture begin and end, and its status.

    The first row of a picture has the capsule 0, or none. So pictures that follow each other under
    one path are told apart.
    """
    begin, end, status = start, start, ""
    with suppress(ValueError, csv.Error):
        for first, last in whole_lines(data, start):
            _, capsule, own_status, *_ = next(csv.reader([data[first:last].decode()]))
            if first > begin and capsule in {"", "0"}:
                yield begin, first, status
                begin = first
            end, status = last, own_status
    if end > begin:
        yield begin, end, status


@dataclass(frozen=True)
class Earlier:
    """What has rows in results folders before the present one.

    Attributes:
        pictures: The digests of pictures that have all their rows, in order.
        errors: The numbers, from 0, of those that could not be read.
        count: How many pictures there were, those in folders that are gone included.
    """

    pictures: tuple[PictureDigests, ...] = ()
    errors: frozenset[int] = frozenset()
    count: int = 0

    def and_then(self, found: Recovered) -> "Earlier":
        """Returns this and what is in the next folder."""
        own = found.chain.pictures
        errors = {number + len(self.pictures) for number in found.errors}
        return Earlier((*self.pictures, *own), self.errors | errors, self.count + len(own))


class Turns(Protocol):
    """Says when rows go into another folder."""

    def is_over(self, current: ResultsFolder, pictures: int) -> bool:
        """Tells whether the next rows belong into another folder.

        Args:
            current: The folder so far.
            pictures: How many pictures have rows in it.

        Raises:
            UsageError: It is not there.
        """

    def turn(self, current: ResultsFolder, pictures: int) -> OpenResults:
        """Opens that folder, once this one is sealed.

        Args:
            current: The folder so far.
            pictures: How many pictures have rows in it.

        Raises:
            UsageError: It cannot be written. Call again.
        """


class WatchResults:
    """Appends pictures to a results folder, or to one after the other.

    What `append` has returned for is on the disk. After an error the same pictures can be given
    again: those that came through are not written twice.

    Args:
        folder: The folder, open.
        classes: Class names in the model's order.
        earlier: What is in other folders already.
        turns: Says when another folder begins; None for never.

    Attributes:
        folder: The folder that rows go into now.
        count: How many pictures have results, in all folders.
        pictures: The digests at the beginning.
        errors: The numbers of those of them that could not be read.

    Raises:
        UsageError: As for `recover`; the folder cannot be written.
    """

    def __init__(
        self,
        folder: OpenResults,
        classes: Sequence[str],
        earlier: Earlier | None = None,
        turns: Turns | None = None,
    ) -> None:
        earlier = earlier or Earlier()
        self.folder, self._turns = folder, turns
        self._classes = tuple(classes)
        self._open = ExitStack()
        self._is_open = False
        self.count = self._before = earlier.count
        known = earlier.and_then(self._reopen())
        self.pictures, self.errors = known.pictures, known.errors

    def append(self, first: int, pictures: Sequence[InspectedPicture]) -> None:
        """Writes overlays and masks, then rows, then digests.

        Args:
            first: The number of pictures before these.
            pictures: The pictures.

        Raises:
            UsageError: The folder cannot be written. Call again with the same arguments.
        """
        if not self._is_open:
            self._reopen()
        left = pictures[self.count - first :]
        if not left:
            return
        try:
            if self._turns and self._turns.is_over(self.folder, self.count - self._before):
                self._turn(self._turns)
            self._write(left)
        except UsageError:
            self.close()
            raise

    def _write(self, pictures: Sequence[InspectedPicture]) -> None:
        for inspected in pictures:
            for name, data in inspected.files.items():
                self.folder.write(name, data)
        for inspected in pictures:
            self._rows.write(inspected.records)
        self._rows.sync()
        for inspected in pictures:
            self._digests.write(digest_picture(inspected, self._classes))
        self._digests.sync()
        self.count += len(pictures)

    def _turn(self, turns: Turns) -> None:
        """Seals the folder, and goes on in another one."""
        self.seal()
        self.folder = turns.turn(self.folder, self.count - self._before)
        self._before = self.count
        self._reopen()

    def _reopen(self) -> Recovered:
        found = recover(self.folder, self._classes)
        count, had = len(found.chain.pictures), self.count - self._before
        if count < had:
            raise UsageError(
                f"'{self.folder.path}' is not there as it was: it has {count} of {had} pictures. "
                "Mount it again."
            )
        with ExitStack() as opened:
            rows = RecordWriter(self.folder.records, self._classes, found.rows_size)
            opened.enter_context(rows)
            digests = DigestWriter(self.folder.digests, found.chain, count)
            opened.enter_context(digests)
            self._open = opened.pop_all()
        self._rows, self._digests = rows, digests
        self.count, self._is_open = self._before + count, True
        return found

    def close(self) -> None:
        """Closes the files as they are; what is half in them is cut off when they open again."""
        self._is_open = False
        with suppress(UsageError):
            self._open.close()

    def sweep(self) -> None:
        """Removes overlays and masks without rows: those of pictures in work when it was killed.

        Raises:
            UsageError: The folder cannot be written.
        """
        named = {name for each in self.pictures for name in each.files}
        with sentences_for(self.folder.path):
            for place in PICTURE_FOLDERS:
                for file in (self.folder.path / place).rglob("*"):
                    name = file.relative_to(self.folder.path).as_posix()
                    if name not in named and file.is_file():
                        file.unlink()

    def seal(self) -> None:
        """Closes the files and seals the run, so that `verify` can be asked.

        Raises:
            UsageError: The folder cannot be written.
        """
        if not self._is_open:
            self._reopen()
        count, end = self._digests.count, self._digests.end
        self._is_open = False
        self._open.close()
        with sentences_for(self.folder.path):
            removed = hash_removed(self.folder.path)
        self.folder.seal(Seal(count, end, removed=removed))


class ResultNames:
    """The names of results: no two pictures share one, whatever the file system folds.

    Args:
        picture_format: The format of overlays.
        pictures: The digests of pictures that have results.
    """

    def __init__(self, picture_format: PictureFormat, pictures: Iterable[PictureDigests]) -> None:
        self._format = picture_format
        self._owners: dict[str, str] = {}
        self._folders: set[str] = set()
        for each in pictures:
            for name in each.files:
                self._take(fold_name(name), each.path)

    def choose(self, name: str, path: str, times: int) -> str:
        """Returns the name of the results of a picture.

        Args:
            name: The name that `predict` gives it.
            path: Its path, spelled by `printable`.
            times: How many pictures have had rows under this path; others have the name already.
        """
        source = f"{path}\n{times}"
        chosen = mark_name(name, source) if times else name
        if self._clashes(chosen, source):
            # In the folder of results itself: a file can stand where its own folder should.
            chosen = mark_name(PurePosixPath(name).name, f"{source}\n")
        for each in self._results(chosen):
            self._take(each, source)
        return chosen

    def _results(self, name: str) -> tuple[str, ...]:
        overlay = ResultsFolder.overlay_name(name, self._format)
        return fold_name(overlay), fold_name(ResultsFolder.mask_name(name))

    def _clashes(self, name: str, source: str) -> bool:
        return any(
            self._owners.get(each, source) != source
            or each in self._folders
            or any(str(parent) in self._owners for parent in PurePosixPath(each).parents)
            for each in self._results(name)
        )

    def _take(self, result: str, source: str) -> None:
        self._owners[result] = source
        self._folders.update(map(str, PurePosixPath(result).parents))
