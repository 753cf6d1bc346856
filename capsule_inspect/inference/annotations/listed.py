"""`annotations.sha256`: which annotations a run wrote, and whether someone has edited them since.

Each line is that of `sha256sum`: a digest, two spaces, and a path relative to the results folder.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from capsule_inspect.errors import UsageError
from capsule_inspect.files import StrPath

_LINE: Final = re.compile(rb"([0-9a-f]{64})  ([^\n]+)\n")
_CHUNK: Final = 1 << 20


def digest_line(digest: str, name: str) -> bytes:
    """Returns the line of a file.

    Args:
        digest: SHA-256 of its content, in hexadecimal digits.
        name: Its POSIX path, relative to the results folder.
    """
    return f"{digest}  {name}\n".encode()


def read_digests(file: Path) -> Iterator[tuple[str, str]]:
    """Yields name and digest of each file in a list, but for lines that are none of ours.

    Raises:
        OSError: The list is there and cannot be read.
    """
    if not file.exists():
        return
    with file.open("rb") as lines:
        for line in lines:
            found = _LINE.fullmatch(line)
            name = found[2].decode("utf-8", "replace") if found else ""
            if found and not _leads_out(name):
                yield name, found[1].decode()


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def hash_in_pieces(file: Path) -> str:
    """Returns the SHA-256 of a file, which need not fit into memory.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while piece := content.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def refuse_edited(folder: Path, digests: Path, place: StrPath) -> None:
    """Makes sure that nobody's corrections are lost when annotations are made anew.

    Args:
        folder: The results folder.
        digests: Its list of annotations, which need not exist.
        place: What a person calls the folder: its path, or the address that it is uploaded to.

    Raises:
        UsageError: A file has changed since it was written.
    """
    for name, digest in read_digests(digests):
        file = folder / name
        if file.is_file() and hash_in_pieces(file) != digest:
            raise UsageError(
                f"'{place}/{name}' was edited since the run wrote it, and would be written anew. "
                "Move the annotations to another place first, so that no correction is lost."
            )


def compare_listed(folder: Path, digests: Path, within: str) -> Iterator[str]:
    """Yields a sentence for each file that is not as its run left it.

    Args:
        folder: The results folder.
        digests: Its list of annotations.
        within: The folder in it that holds nothing but listed files.

    Raises:
        OSError: A file cannot be read.
    """
    known = dict(read_digests(digests))
    links: dict[str, None] = {}
    for name, digest in known.items():
        file = folder / name
        if link := find_link(folder, name):
            links[link] = None
        elif not file.is_file():
            yield f"'{name}' was removed."
        elif hash_in_pieces(file) != digest:
            yield f"'{name}' was edited."
    yield from (about_link(link) for link in links)
    for name in files_in(folder, within):
        if name not in known and name not in links:
            yield f"'{name}' was added."


def files_in(folder: Path, within: str) -> Iterator[str]:
    """Yields the names of all files and links in a folder of a results folder, in order.

    Args:
        folder: The results folder.
        within: The folder in it; if it is a link or a file, that alone is named.
    """
    top = folder / within
    if top.is_symlink() or top.is_file():
        yield within
        return
    for file in sorted(top.rglob("*")):
        if file.is_symlink() or not file.is_dir():
            yield file.relative_to(folder).as_posix()


def find_link(folder: Path, name: str) -> str:
    """Returns the link through which a name leads, relative to the folder; empty without one.

    A run writes none, and what one leads to can change without a trace in the folder.
    """
    path = PurePosixPath(name)
    for each in (*reversed(path.parents[:-1]), path):
        if os.path.islink(folder / each):  # noqa: PTH114  (Path.is_symlink raises for a long name)
            return str(each)
    return ""


def about_link(name: str) -> str:
    """Returns the sentence for a link in the place of what a run wrote."""
    return f"'{name}' was replaced by a link."


def remove_listed(folder: Path, digests: Path, within: str) -> None:
    """Removes the annotations that a run wrote, their list, and folders that are empty then.

    Args:
        folder: The results folder.
        digests: Its list of annotations, which need not exist.
        within: The folder in it whose files are removed; others of the list stay.

    Raises:
        OSError: A file cannot be removed.
    """
    for name, _ in read_digests(digests):
        if not name.startswith(f"{within}/"):
            continue
        (folder / name).unlink(missing_ok=True)
        _remove_empty(folder, os.path.dirname(name))  # noqa: PTH120  (faster, for a million files)
    digests.unlink(missing_ok=True)


def _remove_empty(folder: Path, name: str) -> None:
    """Removes a folder in a results folder, and those above it, as far as they are empty."""
    with suppress(OSError):
        while name:
            (folder / name).rmdir()
            name = os.path.dirname(name)  # noqa: PTH120
