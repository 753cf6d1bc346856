"""Walking through a folder of pictures, whatever else lies in it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from capsule_inspect.choices import SYSTEM_FOLDERS
from capsule_inspect.errors import UsageError


@dataclass(frozen=True)
class Walked:
    """What lies in a folder.

    Attributes:
        files: The files. A subfolder that is not entered counts as a file: if its name is a
            picture's, reading it says what it is.
        kept_by_systems: The files in folders such as `@eaDir`, which hold thumbnails and waste.
        closed: The subfolders that cannot be listed, with the reason.
    """

    files: tuple[Path, ...]
    kept_by_systems: tuple[Path, ...]
    closed: tuple[tuple[Path, str], ...]


def walk(folder: Path, recursive: bool) -> Walked:
    """Lists the files of a folder, and with `recursive` those below; hidden folders are left out.

    Links are followed, but not in a circle.

    Raises:
        UsageError: The folder itself cannot be listed.
    """
    errors: list[OSError] = []
    files: list[Path] = []
    kept: list[Path] = []
    for file in _walk(folder, recursive, errors):
        parts = file.relative_to(folder).parts[:-1]
        (files if SYSTEM_FOLDERS.isdisjoint(parts) else kept).append(file)
    for error in errors:
        if Path(error.filename) == folder:
            raise UsageError(f"The folder '{folder}' cannot be listed: {error.strerror}.")
    closed = tuple((Path(error.filename), error.strerror or "unknown error") for error in errors)
    return Walked(tuple(files), tuple(kept), closed)


def _walk(folder: Path, recursive: bool, errors: list[OSError]) -> Iterator[Path]:
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=True, onerror=errors.append):
        seen.add(os.path.realpath(root))
        yield from (Path(root, file) for file in files)
        yield from (Path(root, folder) for folder in folders if not recursive)
        visible = sorted(name for name in folders if recursive and not name.startswith("."))
        folders[:] = [n for n in visible if os.path.realpath(Path(root, n)) not in seen]
