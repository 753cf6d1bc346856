"""Atomic writes: a reader never sees half a file."""

import csv
import json
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

UNFINISHED = ".unfinished-"
"""How the names of files begin that are being written; a killed process can leave one behind."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Has a file written under another name beside it, then renames it.

    So there is always the old file, or none, or the whole new one. If writing fails, what was
    written is removed.

    Args:
        path: The file; its folder exists.

    Yields:
        The name to write to, of the same extension, and no other thread's.

    Raises:
        OSError: The file cannot be replaced.
    """
    # Without the file's own name, which may already be as long as a name can be.
    name = f"{UNFINISHED}{os.getpid()}-{threading.get_ident()}{path.suffix}"
    unfinished = path.with_name(name)
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file as `atomic_write` does."""
    with atomic_write(path) as unfinished:
        unfinished.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Writes a text file as `atomic_write` does, in UTF-8, with the line ends it is given."""
    write_bytes(path, text.encode())


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Writes a JSON file as `atomic_write` does: indented by 2, keys sorted, with a line end."""
    write_text(path, json.dumps(document, indent=2, sort_keys=True) + "\n")


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV file as `atomic_write` does: UTF-8, and every line ends with a line feed.

    Args:
        path: The file; its folder exists.
        rows: The cells of each line, the names of the columns first; None becomes an empty cell.
    """
    with (
        atomic_write(path) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file, lineterminator="\n").writerows(rows)
