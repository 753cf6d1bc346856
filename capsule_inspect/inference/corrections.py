"""The judgements of people on inspected capsules, and the file that keeps them.

`corrections.csv` is a log: a line for each judgement, in the order of time. An empty label takes
the last judgement of its capsule back, so the one before counts again.
"""

import csv
import io
import math
import os
import re
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, fields, replace
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeAlias

from capsule_inspect.choices import GOOD, NO_CAPSULE
from capsule_inspect.errors import DataError, UsageError
from capsule_inspect.files import DISK_FULL, read_text, write_bytes
from capsule_inspect.inference.records import csv_line, guard_text, whole_lines
from capsule_inspect.text import on_one_line

CORRECTIONS: Final = "corrections.csv"
"""The name of the file in a results folder."""

UNSURE: Final = "unsure"
"""The label of a capsule that the reviewer cannot judge."""

_LONGEST: Final = 100
"""Characters in the name of a class that people add."""

WITHDRAWN: Final = ""
"""The label that takes the last judgement back."""

Key: TypeAlias = tuple[str, int | None, str]
"""What tells capsules apart: path, number in the picture, and SHA-256 of the picture's file."""


@dataclass(frozen=True)
class Correction:
    """One judgement; the names are the columns of the file.

    Attributes:
        time: When it was made: UTC, ISO 8601, in whole seconds.
        reviewer: Who made it.
        path: The path of the picture, as in predictions.csv.
        capsule: The number of the capsule, likewise; None if none was found.
        capsules: How many rows the picture has.
        picture_sha256: SHA-256 of the picture's file, as in digests.csv.
        label_model: The label that the model gave; empty without a capsule.
        defect_score: Its defect score; None without a capsule.
        label: A class, `UNSURE` or `WITHDRAWN`.
    """

    time: str
    reviewer: str
    path: str
    capsule: int | None
    capsules: int
    picture_sha256: str
    label_model: str
    defect_score: float | None
    label: str

    @property
    def key(self) -> Key:
        """What tells its capsule from others."""
        return self.path, self.capsule, self.picture_sha256

    def to_csv(self) -> bytes:
        """Returns the line of the file; texts are guarded as those of predictions.csv."""
        return csv_line([_as_text(value) for value in astuple(self)])


COLUMNS: Final = tuple(field.name for field in fields(Correction))
HEADER: Final = csv_line(COLUMNS)


def _as_text(value: str | float | None) -> str:
    if value is None:
        return ""
    return guard_text(value) if isinstance(value, str) else repr(value)


def require_new_classes(names: Sequence[str]) -> None:
    """Checks the names of classes that a person adds to those of a model or a data set.

    Raises:
        UsageError: A name is blank, too long, no single line, or has another meaning.
    """
    taken = {GOOD, NO_CAPSULE, UNSURE}
    for name in names:
        if name != on_one_line(name).strip() or not 0 < len(name) <= _LONGEST or name in taken:
            raise UsageError(
                f"--class '{on_one_line(name)}' cannot be the name of a class of defects. Give a "
                f"name of 1 to {_LONGEST} characters, other than {', '.join(sorted(taken))}."
            )


def now() -> str:
    """Returns the time as the file holds it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class Judgements:
    """What counts of a log of judgements.

    Args:
        corrections: The log, in order.
    """

    def __init__(self, corrections: Iterable[Correction] = ()) -> None:
        self._stacks: dict[Key, list[tuple[int, Correction]]] = {}
        self.count = 0
        for each in corrections:
            self.add(each)

    def add(self, correction: Correction) -> None:
        """Adds the next line of the log."""
        stack = self._stacks.setdefault(correction.key, [])
        if correction.label != WITHDRAWN:
            stack.append((self.count, correction))
        elif stack:
            stack.pop()
        self.count += 1

    def of(self, key: Key) -> Correction | None:
        """Returns the judgement that counts for a capsule; None without one."""
        stack = self._stacks.get(key)
        return stack[-1][1] if stack else None

    def standing(self) -> tuple[Correction, ...]:
        """Returns the judgement that counts for each capsule, in the order of the log."""
        last = sorted((stack[-1] for stack in self._stacks.values() if stack), key=lambda e: e[0])
        return tuple(correction for _, correction in last)

    def last_of(self, reviewer: str, among: Container[Key]) -> Correction | None:
        """Returns the last judgement of a reviewer that counts for these; None without one."""
        own = [each for each in self.standing() if each.reviewer == reviewer and each.key in among]
        return own[-1] if own else None


def read_corrections(path: Path) -> tuple[Correction, ...]:
    """Reads a corrections.csv, also as a spreadsheet saves it.

    It may have a byte order mark, semicolons or tabs, decimal commas and more columns. A last line
    that was half written when its program died is left out.

    Raises:
        DataError: The file cannot be read, or a line is damaged.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[tuple[Correction, ...], bytes]:
    """Returns the judgements, and what the file holds of them in whole lines."""
    try:
        data = path.read_bytes().rstrip(b"\0")  # a power cut can leave zeros
        if HEADER.startswith(data):
            return (), b""
        if data.startswith(HEADER):
            whole = data[: max((end for _, end in whole_lines(data, 0)), default=0)]
            if b"\n" not in data[len(whole) :].rstrip(b"\n"):  # else it is a quote that never ends
                data = whole
            with suppress(UnicodeDecodeError):
                return tuple(_parse(data.decode())), data
        return tuple(_parse(read_text(path))), data
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.") from error
    except (ValueError, csv.Error) as error:
        raise DataError(
            f"'{path}' cannot be read as a {CORRECTIONS}: {str(error).rstrip('.')}."
        ) from error


def _parse(text: str) -> Iterator[Correction]:
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = rows.fieldnames or ()
    wrong = [name for name in COLUMNS if names.count(name) != 1]
    if wrong:
        raise ValueError(
            f"it has the column {wrong[0]} {names.count(wrong[0])} times, not once. Its first line "
            f"must name {','.join(COLUMNS)}"
        )
    try:
        for row in rows:
            if any(row.values()):  # spreadsheets leave empty lines
                yield _correction(row)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"line {rows.line_num}: {error}") from error


def _correction(row: Mapping[str | None, Any]) -> Correction:
    if None in row or None in row.values():
        raise ValueError("it does not have as many cells as the first one")
    cells = {name: row[name].strip().removeprefix("'") for name in COLUMNS}
    # Names of files may begin or end with a space.
    cells["path"] = row["path"].removeprefix("'")
    capsule = int(cells["capsule"]) if cells["capsule"] else None
    capsules = int(cells["capsules"])
    if not 0 <= (capsule or 0) < capsules:
        raise ValueError(f"there is no capsule {capsule} of {capsules}")
    sha256 = cells["picture_sha256"].lower()
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise ValueError(f"'{sha256}' is no SHA-256")
    if not cells["path"]:
        raise ValueError("the path is empty")
    return Correction(
        time=cells["time"],
        reviewer=cells["reviewer"],
        path=cells["path"],
        capsule=capsule,
        capsules=capsules,
        picture_sha256=sha256,
        label_model=cells["label_model"],
        defect_score=_score(cells["defect_score"]),
        label=cells["label"],
    )


def _score(text: str) -> float | None:
    score = float(text.replace(",", ".")) if text else None
    if score is not None and not math.isfinite(score):
        raise ValueError(f"'{text}' is no score")
    return score


class CorrectionLog:
    """The corrections.csv of a results folder, open to add judgements; any thread may call it.

    A judgement is on the disk when `append` returns. A half-written last line is taken out, and
    what a spreadsheet has saved is written anew in the usual form. Only one process may hold it.

    Args:
        path: The file; made if missing.
        warn: Told in a sentence if a half-written line was taken out.

    Attributes:
        judgements: What counts.
        lines: All lines, in order.

    Raises:
        DataError: The file is damaged.
        UsageError: The file cannot be written.
    """

    def __init__(self, path: Path, warn: Callable[[str], None] = lambda _: None) -> None:
        self._path, self._lock = path, Lock()
        self.lines: list[Correction] = []
        with _sentences(path):
            if path.exists():
                before = path.read_bytes()
                kept, whole = _read(path)
                self.lines.extend(kept)
                if before.startswith(HEADER) and len(whole) < len(before):
                    warn(f"The last line of '{path}' was half written; it is taken out.")
            content = HEADER + b"".join(each.to_csv() for each in self.lines)
            if not path.exists() or path.read_bytes() != content:
                write_bytes(path, content)
            self._file = path.open("r+b", buffering=0)
            os.fsync(self._file.fileno())
            _sync_folder(path.parent)
        self._size = len(content)
        self.judgements = Judgements(self.lines)

    def append(self, correction: Correction) -> None:
        """Adds a judgement, and waits until the disk has it.

        Raises:
            UsageError: It cannot be written; the file is as before.
        """
        with self._lock:
            self._append(correction)

    def undo(self, reviewer: str, among: Container[Key]) -> Correction | None:
        """Takes back the last judgement of a reviewer that counts.

        Where somebody else has judged the capsule since, theirs stays.

        Args:
            reviewer: Who wants to.
            among: The capsules that are looked at.

        Returns:
            The judgement that was taken back; None if there is none.

        Raises:
            UsageError: As for `append`.
        """
        with self._lock:
            last = self.judgements.last_of(reviewer, among)
            if last is not None:
                self._append(replace(last, time=now(), label=WITHDRAWN))
            return last

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _append(self, correction: Correction) -> None:
        self._require_untouched()
        line = correction.to_csv()
        try:
            with _sentences(self._path):
                self._file.seek(self._size)
                _write_all(self._file.write, line)
                os.fsync(self._file.fileno())
        except UsageError:
            with suppress(OSError):  # what was written of the line
                self._file.truncate(self._size)
            raise
        self._size += len(line)
        self.lines.append(correction)
        self.judgements.add(correction)

    def _require_untouched(self) -> None:
        """Refuses to write beside or over what another program has written."""
        with suppress(OSError):
            there, own = self._path.stat(), os.fstat(self._file.fileno())
            if os.path.samestat(there, own) and own.st_size == self._size:
                return
        raise UsageError(
            f"'{self._path}' was changed or removed by another program, so nothing was stored. "
            "Close that program, and start review again."
        )


def _write_all(write: Callable[[bytes], int | None], data: bytes) -> None:
    while data:  # an unbuffered file may take less than it is given
        data = data[write(data) or 0 :]


def _sync_folder(folder: Path) -> None:
    """Waits until the disk has the name of a new file."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Turns errors of writing into sentences for a person."""
    try:
        yield
    except OSError as error:
        advice = (
            "Make room on the disk and try again; what was stored before is whole."
            if error.errno in DISK_FULL
            else "Make its folder writable and try again."
        )
        reason = error.strerror or error
        raise UsageError(f"'{path}' cannot be written: {reason}. {advice}") from error
