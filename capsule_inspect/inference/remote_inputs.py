"""Pictures elsewhere: in object stores such as S3, and on web servers.

fsspec knows the ways there and takes credentials from where the tools of a service keep them. Each
picture is read when its turn comes, so no folder is ever copied to this machine.
"""

import glob
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from capsule_inspect.choices import PICTURE_EXTENSIONS
from capsule_inspect.errors import MissingExtraError, PictureError, UsageError
from capsule_inspect.imaging.picture import name_file, refuse_size
from capsule_inspect.inference.mask_trees import split_masks
from capsule_inspect.inference.result_names import safe_name
from capsule_inspect.inference.walk import is_kept_by_systems, is_picture, say_what_is_left_out
from capsule_inspect.text import mask_passwords, printable

_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_SIGNED: Final = re.compile(r"([?&](?:[\w-]*signature|sig)=)[^&]*", re.IGNORECASE)
"""What makes an address a key to a file; it has no place in rows."""

_WEB: Final = ("http", "https")
"""Web servers tell no lists of files."""

_WAITS: Final = (0.25, 1.0, 4.0)
"""Seconds before another attempt at most; each wait is drawn from its upper half, so that many
machines do not come back at once."""

_FINAL: Final = (FileNotFoundError, PermissionError, IsADirectoryError, ImportError)
_TOO_BUSY: Final = frozenset({408, 425, 429})
"""The answers of web servers from 400 to 499 after which another attempt helps."""

_Result = TypeVar("_Result")


def is_remote(text: str) -> bool:
    """Tells whether an input is an address such as `s3://bucket/line-3/`."""
    return _ADDRESS.match(text) is not None and not os.path.lexists(text)


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
            data: bytes = _insist(lambda: self.system.cat_file(self.key))
        except Exception as error:  # each file system has errors of its own
            raise PictureError(f"{name_file(self.path)} {_why(error)}") from error
        refuse_size(self.path, len(data), max_pixels)
        return data


def find_remote(
    text: str, recursive: bool, say: Callable[[str], None] = lambda _: None
) -> Iterator[RemotePicture]:
    """Finds the pictures that an address names, as folders, patterns and files do on a disk.

    An address that ends like a picture is a file, and is not asked for before its turn comes; so
    is any of a web server. Masks are left out where they lie in a folder of their own.

    Args:
        text: The address of a file or folder, or a pattern.
        recursive: Whether to look into subfolders.
        say: Told in a sentence what is left out.

    Raises:
        MissingExtraError: The packages for this address are not installed.
        UsageError: No file system is known for it, it cannot be listed, or names no picture.
    """
    system, key = _open(text)
    scheme = text.partition("://")[0].lower()
    if scheme in _WEB:
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
    return RemotePicture(_shown(text), safe_name(PurePosixPath(name)), key, system)


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
        raise UsageError(f"The folder '{_shown(text)}' holds no picture ({known}); {hint}.")
    yield from pictures


def _matching(text: str, system: Any, say: Callable[[str], None]) -> Iterator[RemotePicture]:
    from fsspec.utils import glob_translate

    parts = text.split("/")
    fixed = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    start, below = "".join(f"{part}/" for part in parts[:fixed]), parts[fixed:]
    root = system._strip_protocol(start)
    found = _walk(text, system, root, None if "**" in below else len(below))
    named = frozenset(part.casefold() for part in below if not glob.has_magic(part))
    matches = re.compile(glob_translate("/".join(below))).match
    pictures = list(_sort_out(start, root, found, system, say, named, matches))
    if not pictures:
        raise UsageError(
            f"The pattern '{_shown(text)}' matches no picture. Check it, and its quotes."
        )
    yield from pictures


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
    say_what_is_left_out(_shown(start), masks, kept, say)
    for file in pictures:
        if matches(file.as_posix()):
            key, path = files[file], _shown(f"{start}{file.as_posix()}")
            yield RemotePicture(path, safe_name(file), key, system, found[key])


def _walk(text: str, system: Any, root: str, depth: int | None) -> dict[str, int | None]:
    """Returns the keys and sizes of the files in a folder, and so many levels down.

    fsspec's own search leaves out folders that it fails to list, and says nothing.

    Raises:
        UsageError: A folder cannot be listed.
    """
    found: dict[str, int | None] = {}
    folders = [(root, 1)]
    try:
        for folder, level in folders:  # it grows meanwhile
            for each in _insist(partial(system.ls, folder, detail=True)):
                name = each["name"].rstrip("/")
                if each["type"] != "directory":
                    found[each["name"]] = each.get("size")
                elif name != folder and (depth is None or level < depth):
                    folders.append((name, level + 1))
    except Exception as error:  # each file system has errors of its own
        raise UsageError(f"'{_shown(text)}' {_why(error)}") from error
    system.invalidate_cache()  # it holds far more of each of a million files
    return found


def _ends_like_a_picture(text: str) -> bool:
    return PurePosixPath(text).suffix.lower() in PICTURE_EXTENSIONS


def _shown(text: str) -> str:
    """Returns an address as text that can be written, without what is secret in it."""
    return printable(_SIGNED.sub(r"\1***", mask_passwords(text)))


def _open(text: str) -> tuple[Any, str]:
    """Returns the file system of an address, and what that calls it."""
    shown = _shown(text)
    try:
        from fsspec.core import url_to_fs

        system, key = url_to_fs(text)
    except ImportError as error:
        is_all = (error.name or "").startswith("fsspec")
        named = "" if is_all else f" ({_reason(error)})"
        raise MissingExtraError(
            f"'{shown}' needs packages that the light install leaves out{named}. Run: pip install "
            "'capsule-inspect[remote]'"
        ) from error
    except Exception as error:  # of the file system, such as settings that it does not know
        reason = _reason(error)
        raise UsageError(f"'{shown}' is no address that can be read: {reason}.") from error
    return system, key


def _insist(work: Callable[[], _Result]) -> _Result:
    """Does something elsewhere; tries again, unless the answer would be the same."""
    for wait in _WAITS:
        try:
            return work()
        except Exception as error:
            if _is_final(error):
                raise
        time.sleep(wait * random.uniform(0.5, 1))  # noqa: S311  (no secret)
    return work()


def _is_final(error: Exception) -> bool:
    status = getattr(error, "status", None)  # of a web server
    refused = isinstance(status, int) and 400 <= status < 500 and status not in _TOO_BUSY
    return refused or isinstance(error, _FINAL) or "Credential" in type(error).__name__


def _why(error: Exception) -> str:
    """Returns the rest of a sentence that begins with an address."""
    if isinstance(error, FileNotFoundError):
        return "does not exist; check the address."
    if isinstance(error, PermissionError):
        return f"cannot be read: {_reason(error)}; check your credentials and permissions."
    return f"cannot be read: {_reason(error)}; check the address and the way there."


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error)
    first = said.strip().partition("\n")[0] or type(error).__name__
    return _shown(first).rstrip(".")
