"""Pictures elsewhere: in object stores such as S3, and on web servers.

Each picture is read for itself, so no folder is ever copied to this machine.
"""

import glob
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from capsule_inspect.choices import PICTURE_EXTENSIONS
from capsule_inspect.errors import PictureError, UsageError
from capsule_inspect.imaging.picture import name_file, refuse_size
from capsule_inspect.inference.addresses import (
    WEB,
    insist,
    list_files,
    lower_scheme,
    open_address,
    shown,
    why,
)
from capsule_inspect.inference.mask_trees import split_masks
from capsule_inspect.inference.remote_run import is_of_a_run
from capsule_inspect.inference.result_names import safe_name
from capsule_inspect.inference.results_folder import PICTURE_FOLDERS
from capsule_inspect.inference.walk import is_kept_by_systems, is_picture, say_what_is_left_out


@dataclass(frozen=True)
class RemotePicture:
    """A picture elsewhere.

    Attributes:
        path: Its address, without what is secret in it.
        name: The name of its results: the path below the address that was given, made safe.
        key: What its file system calls it.
        system: The file system of fsspec.
        size: Its length in bytes; None if not known.
    """

    path: str
    name: str
    key: str = field(repr=False)
    system: Any = field(repr=False)
    size: int | None = None

    def read(self, max_pixels: int) -> bytes:
        """Reads the file; where the way there fails, several times.

        Args:
            max_pixels: The most pixels to decode later; a file too long for them is refused.

        Raises:
            PictureError: The file cannot be had.
        """
        if self.size is not None:
            refuse_size(self.path, self.size, max_pixels)
        try:
            data: bytes = insist(lambda: self.system.cat_file(self.key))
        except Exception as error:  # each file system has errors of its own
            raise PictureError(f"{name_file(self.path)} {why(error)}") from error
        refuse_size(self.path, len(data), max_pixels)
        return data


def find_remote(
    text: str, recursive: bool, say: Callable[[str], None] = lambda _: None
) -> Iterator[RemotePicture]:
    """Finds the pictures that an address names, as folders, patterns and files do on a disk.

    An address that ends like a picture is a file, and is not asked for before its turn comes; so
    is any of a web server. Left out are masks in a folder of their own, and the overlays and masks
    of runs; nothing is found if no other picture is there.

    Args:
        text: The address of a file or folder, or a pattern.
        recursive: Whether to look into subfolders.
        say: Told in a sentence what is left out.

    Raises:
        MissingExtraError: The packages for this address are not installed.
        UsageError: No file system is known for it, it cannot be listed, or names no picture.
    """
    system, key = open_address(text)
    scheme = text.partition("://")[0].lower()
    if scheme in WEB:
        address = urlsplit(text)
        name = PurePosixPath(unquote(address.path)).name or address.netloc
        yield _file(text, name, key, system)
    elif glob.has_magic(text):
        yield from _matching(text, system, say)
    elif not text.endswith("/") and _ends_like_a_picture(text):
        yield _file(text, PurePosixPath(key).name, key, system)
    else:
        yield from _in_folder(text, system, key, recursive, say)


def _file(text: str, name: str, key: str, system: Any) -> RemotePicture:
    return RemotePicture(shown(text), safe_name(PurePosixPath(name)), key, system)


def _in_folder(
    text: str, system: Any, key: str, recursive: bool, say: Callable[[str], None]
) -> Iterator[RemotePicture]:
    found = _walk(text, system, key, None if recursive else 1)
    if list(found) == [key]:  # no folder, but a file whose name says nothing
        yield _file(text, PurePosixPath(key).name, key, system)
        return
    start = text if text.endswith("/") else f"{text}/"
    pictures = list(_sort_out(start, key, found, system, say))
    if not pictures:
        known = ", ".join(sorted(PICTURE_EXTENSIONS))
        hint = "check the address" if recursive else "check the address, or look deeper with -r"
        raise UsageError(f"The folder '{shown(text)}' holds no picture ({known}); {hint}.")
    yield from _without_results(pictures, text)


def _matching(text: str, system: Any, say: Callable[[str], None]) -> Iterator[RemotePicture]:
    from fsspec.utils import glob_translate

    parts = text.split("/")
    fixed = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    start, below = "".join(f"{part}/" for part in parts[:fixed]), parts[fixed:]
    root = system._strip_protocol(lower_scheme(start))
    found = _walk(text, system, root, None if "**" in below else len(below))
    named = frozenset(part.casefold() for part in below if not glob.has_magic(part))
    matches = re.compile(glob_translate("/".join(below))).match
    pictures = list(_sort_out(start, root, found, system, say, named, matches))
    if not pictures:
        raise UsageError(
            f"The pattern '{shown(text)}' matches no picture. Check it, and its quotes."
        )
    yield from _without_results(pictures, text)


def _sort_out(
    start: str,
    root: str,
    found: Mapping[str, int | None],
    system: Any,
    say: Callable[[str], None],
    named: frozenset[str] = frozenset(),
    matches: Callable[[str], object] = lambda _: True,
) -> Iterator[RemotePicture]:
    """Yields those files that are pictures to inspect.

    Args:
        start: The address of the folder that they lie in, with a slash at its end.
        root: What the file system calls this folder.
        found: The files, each with its size.
        system: The file system.
        say: Told in a sentence what is left out.
        named: The names, in lower case, of folders to take although systems keep them.
        matches: Tells whether a file is asked for, by its path from that folder.
    """
    files = {Path(key.removeprefix(root).lstrip("/")): key for key in found}
    visible = [file for file in files if not any(part.startswith(".") for part in file.parts)]
    kept = [file for file in visible if is_kept_by_systems(file.parent, named)]
    own = [f for f in visible if is_picture(f) and not is_kept_by_systems(f.parent, named)]
    # Masks are known by their pictures, whether or not a pattern matches those as well.
    pictures, masks = split_masks(Path(), own, look_into=False)
    masks, kept = ([file for file in each if matches(file.as_posix())] for each in (masks, kept))
    say_what_is_left_out(shown(start), masks, kept, say)
    for file in pictures:
        if matches(file.as_posix()):
            key, path = files[file], shown(f"{start}{file.as_posix()}")
            yield RemotePicture(path, safe_name(file), key, system, found[key])


def _without_results(pictures: Iterable[RemotePicture], text: str) -> Iterator[RemotePicture]:
    """Leaves out overlays and masks of runs, as `is_result` knows them on a disk.

    Raises:
        UsageError: It cannot be read whether a run is there.
    """

    @cache
    def is_results_folder(system: Any, key: str) -> bool:
        try:
            # Without the right to list, S3 forbids to read what does not exist.
            with suppress(PermissionError):
                return is_of_a_run(system, key)
        except Exception as error:  # each file system has errors of its own
            raise UsageError(f"'{shown(text)}' {why(error)}") from error
        return False

    for picture in pictures:
        folders = PurePosixPath(picture.key).parents
        if not any(
            folder.name in PICTURE_FOLDERS
            and folder.parent.name
            and is_results_folder(picture.system, str(folder.parent))
            for folder in folders
        ):
            yield picture


def _walk(text: str, system: Any, root: str, depth: int | None) -> dict[str, int | None]:
    """Returns what `list_files` does.

    Raises:
        UsageError: A folder cannot be listed.
    """
    try:
        return list_files(system, root, depth)
    except Exception as error:  # each file system has errors of its own
        raise UsageError(f"'{shown(text)}' {why(error)}") from error


def _ends_like_a_picture(text: str) -> bool:
    return PurePosixPath(text).suffix.lower() in PICTURE_EXTENSIONS
