"""Read text files as any program saves them, and write files atomically.

A reader never sees half a file.
"""

import codecs
import csv
import errno
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

DISK_ERRORS = frozenset({errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.EPERM, errno.EROFS})
"""The errors of a full disk, or of one that the user may not write to."""

DISK_FULL = frozenset({errno.EDQUOT, errno.ENOSPC, errno.EFBIG})
"""Those that room on the disk mends."""

StrPath: TypeAlias = str | os.PathLike[str]
"""A path as Python's own functions take it."""

UNFINISHED = ".unfinished-"
"""Prefix of the names of unfinished files; a killed process can leave one behind."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Replaces a file only once the new one is complete.

    The block writes a temporary file in the same folder; when the block ends, it takes the name of
    the file. If the block fails, the temporary file is deleted.

    Args:
        path: The file; its folder exists.

    Yields:
        The temporary file, with the same extension and a name that no other thread uses.

    Raises:
        OSError: The file cannot be written or replaced; `filename` is the file.
    """
    # The file's own name is left out: it may already be as long as a name can be.
    name = f"{UNFINISHED}{os.getpid()}-{threading.get_ident()}{path.suffix}"
    unfinished = path.with_name(name)
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        if error.errno is not None:
            error.filename = str(path)  # a full disk is told of without one
        raise
    finally:
        unfinished.unlink(missing_ok=True)


_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks, and the encoding of what follows; Windows writes such files."""


def read_text(path: Path) -> str:
    """Reads a text file in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is in another encoding; the message names the line, without the file.
    """
    data = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"line {line} holds the byte 0x{data[error.start]:02X}, which is not UTF-8. Save the "
            "file as UTF-8"
        ) from error


def hash_file(path: Path) -> str:
    """Returns the SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a binary file atomically."""
    with atomic_write(path) as unfinished:
        unfinished.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 text file atomically; line ends stay unchanged."""
    write_bytes(path, text.encode())


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Writes a JSON file atomically: indented by 2, keys sorted, a newline at the end."""
    write_text(path, json.dumps(document, indent=2, sort_keys=True) + "\n")


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    r"""Writes a UTF-8 CSV file atomically; lines end with `\n`.

    Args:
        path: The file; its folder exists.
        rows: The cells of each line; the first line holds the column names. None becomes an empty
            cell.
    """
    with (
        atomic_write(path) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file, lineterminator="\n").writerows(rows)
