"""The results of a watch: rows and digests that survive a kill at any moment, each once."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from capsule_inspect.choices import PictureFormat
from capsule_inspect.errors import UsageError
from capsule_inspect.inference.digests import Chain, DigestWriter, read_chain, sha256
from capsule_inspect.inference.inspect_picture import InspectedPicture
from capsule_inspect.inference.picture_results import digest_picture
from capsule_inspect.inference.records import RecordWriter, csv_line, record_columns, whole_lines
from capsule_inspect.inference.removed_files import hash_removed
from capsule_inspect.inference.result_names import fold_name, mark_name
from capsule_inspect.inference.results_folder import (
    PICTURE_FOLDERS,
    OpenResults,
    ResultsFolder,
    Seal,
    sentences_for,
)


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


class WatchResults:
    """Appends pictures to a results folder.

    What `append` has returned for is on the disk. After an error the same pictures can be given
    again: those that came through are not written twice.

    Args:
        folder: The folder, open.
        classes: Class names in the model's order.

    Attributes:
        count: How many pictures have results.
        chain: The digests at the beginning.
        errors: The numbers of pictures, at the beginning, that could not be read.

    Raises:
        UsageError: As for `recover`; the folder cannot be written.
    """

    def __init__(self, folder: OpenResults, classes: Sequence[str]) -> None:
        self.folder = folder
        self._classes = tuple(classes)
        self._open = ExitStack()
        self._is_open = False
        self.count = 0
        found = self._reopen()
        self.chain, self.errors = found.chain, found.errors

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

    def _reopen(self) -> Recovered:
        found = recover(self.folder, self._classes)
        if len(found.chain.pictures) < self.count:
            raise UsageError(
                f"'{self.folder.path}' is not there as it was: it has {len(found.chain.pictures)} "
                f"of {self.count} pictures. Mount it again."
            )
        count = len(found.chain.pictures)
        with ExitStack() as opened:
            rows = RecordWriter(self.folder.records, self._classes, found.rows_size)
            opened.enter_context(rows)
            digests = DigestWriter(self.folder.digests, found.chain, count)
            opened.enter_context(digests)
            self._open = opened.pop_all()
        self._rows, self._digests = rows, digests
        self.count, self._is_open = count, True
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
        named = {name for each in self.chain.pictures for name in each.files}
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
        chain: The digests of pictures that have results.
    """

    def __init__(self, picture_format: PictureFormat, chain: Chain) -> None:
        self._format = picture_format
        self._owners: dict[str, str] = {}
        self._folders: set[str] = set()
        for each in chain.pictures:
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
