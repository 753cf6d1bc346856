"""Walking through a folder of pictures, whatever else lies in it."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from capsule_inspect.choices import PICTURE_EXTENSIONS, is_system_folder
from capsule_inspect.errors import UsageError
from capsule_inspect.files import StrPath
from capsule_inspect.text import counted


@dataclass(frozen=True)
class Walked:
    """What lies in a folder.

    Attributes:
        files: The files. A subfolder that is not entered counts as a file: if its name is a
            picture's, reading it says what it is.
        kept_by_systems: The files in folders such as `@eaDir`, which hold thumbnails and waste.
        closed: The subfolders that cannot be listed, with the reason; none that systems keep.
    """

    files: tuple[Path, ...]
    kept_by_systems: tuple[Path, ...]
    closed: tuple[tuple[Path, str], ...]


def walk(folder: Path, recursive: bool) -> Walked:
    """Lists the files of a folder, and with `recursive` those below; hidden folders are left out.

    Each folder is entered once. Links are followed last, so that a folder has its own name.

    Raises:
        UsageError: The folder itself cannot be listed.
    """
    errors: list[OSError] = []
    return sort_out(folder, list(_walk(folder, recursive, errors)), errors)


def is_picture(file: PurePath) -> bool:
    """Tells whether a file in a folder counts as a picture, by its name alone."""
    return file.suffix.lower() in PICTURE_EXTENSIONS and not file.name.startswith(".")


def say_what_is_left_out(
    folder: StrPath,
    masks: Sequence[PurePath],
    kept: Iterable[PurePath],
    say: Callable[[str], None],
) -> None:
    """Says in sentences which pictures of a folder are not inspected.

    Args:
        folder: The folder.
        masks: Masks of pictures, relative to it.
        kept: Files in folders that systems keep for themselves, likewise.
        say: Takes the sentences.
    """
    if masks:
        say(
            f"Left out {counted(len(masks), 'mask')} of pictures in '{folder}', such as "
            f"'{masks[0]}'."
        )
    pictures = [file for file in kept if is_picture(file)]
    if pictures:
        say(
            f"Left out {counted(len(pictures), 'picture')} in folders that systems keep for "
            f"themselves, such as '{pictures[0]}'."
        )


def sort_out(
    folder: Path,
    files: Iterable[Path],
    errors: Iterable[OSError],
    named: frozenset[str] = frozenset(),
) -> Walked:
    """Parts the files that were found in a folder.

    Args:
        folder: The folder.
        files: The files in it.
        errors: The errors of listing it and its subfolders.
        named: The names, in lower case, of folders to take although systems keep them.

    Raises:
        UsageError: The folder itself cannot be listed.
    """
    own: list[Path] = []
    kept: list[Path] = []
    for file in files:
        place = file.parent.relative_to(folder)
        (kept if is_kept_by_systems(place, named) else own).append(file)
    closed: list[tuple[Path, str]] = []
    for error in errors:
        place, reason = Path(error.filename), error.strerror or "unknown error"
        if place == folder:
            raise UsageError(f"The folder '{folder}' cannot be listed: {reason}.")
        if not is_kept_by_systems(place.relative_to(folder), named):
            closed.append((place, reason))
    return Walked(tuple(own), tuple(kept), tuple(closed))


def is_kept_by_systems(place: PurePath, named: frozenset[str] = frozenset()) -> bool:
    """Tells whether a folder lies in one such as `@eaDir`.

    Args:
        place: The folder, relative to the one that was given.
        named: The names, in lower case, of folders to take although systems keep them.
    """
    return any(is_system_folder(part) and part.casefold() not in named for part in place.parts)


def _walk(folder: Path, recursive: bool, errors: list[OSError]) -> Iterator[Path]:
    seen: set[str] = set()
    starts = deque([folder])
    while starts:
        start = starts.popleft()
        if os.path.realpath(start) in seen:
            continue
        for root, folders, files in os.walk(start, followlinks=True, onerror=errors.append):
            seen.add(os.path.realpath(root))
            yield from (Path(root, file) for file in files)
            yield from (Path(root, folder) for folder in folders if not recursive)
            visible = sorted(name for name in folders if recursive and not name.startswith("."))
            # Path.is_symlink raises in a folder that may be listed and not entered.
            links = {name for name in visible if os.path.islink(Path(root, name))}  # noqa: PTH114
            starts.extend(Path(root, name) for name in visible if name in links)
            own = (name for name in visible if name not in links)
            folders[:] = [n for n in own if os.path.realpath(Path(root, n)) not in seen]
