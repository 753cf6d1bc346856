"""Lists of inputs: `@LIST` for one in a file, `-` for that from stdin."""

import codecs
import glob
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from capsule_inspect.errors import UsageError
from capsule_inspect.inference.addresses import is_remote
from capsule_inspect.text import suggest_path

_MARKED: Final = {
    codecs.BOM_UTF32_LE: "UTF-32-LE",  # before UTF-16, with whose mark it begins
    codecs.BOM_UTF32_BE: "UTF-32-BE",
    codecs.BOM_UTF16_LE: "UTF-16-LE",
    codecs.BOM_UTF16_BE: "UTF-16-BE",
}
_UNMARKED: Final = re.compile(rb"(?:[^\0]\0){4}|(?:\0[^\0]){4}|\0\0\0")
"""Letters as UTF-16 and UTF-32 hold them, such as those of `.png`."""


def is_list(text: str) -> bool:
    """Tells whether an input is a list."""
    return text == "-" or text.startswith("@")


def read_list(text: str, say: Callable[[str], None] = lambda _: None) -> list[str]:
    """Returns the inputs in a list, one per line, or each ended by a null character.

    Relative paths start from the current folder. If nothing lies there, but beside the list, they
    start from the list's folder.

    File names need not be text: bytes that are not UTF-8 are kept, as Python does with arguments. A
    byte order mark tells UTF-8, UTF-16 or UTF-32.

    Args:
        text: `-` or `@LIST`.
        say: Told in a sentence if paths start from the list's folder.

    Raises:
        UsageError: The list cannot be read or is empty.
    """
    name = "from stdin" if text == "-" else f"'{text[1:]}'"
    if text == "-" and sys.stdin is None:
        raise UsageError("There is no stdin to read a list from.")
    try:
        data = sys.stdin.buffer.read() if text == "-" else Path(text[1:]).read_bytes()
        inputs = _split(data)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = _hint(text) if isinstance(error, OSError) else ""
        raise UsageError(f"The list {name} cannot be read: {reason}.{hint}") from None
    if not inputs:
        raise UsageError(f"The list {name} is empty: it should hold a path per line.")
    return inputs if text == "-" else _placed(inputs, Path(text[1:]), say)


def _split(data: bytes) -> list[str]:
    """Returns the entries of a list that are not empty.

    Raises:
        ValueError: It is in UTF-16 or UTF-32, but damaged or without a byte order mark.
    """
    mark = next((mark for mark in _MARKED if data.startswith(mark)), b"")
    if mark:
        encoding = _MARKED[mark]
        try:
            data = os.fsencode(data[len(mark) :].decode(encoding))
        except UnicodeError as error:
            raise ValueError(f"it begins as {encoding[:6]}, but is damaged") from error
    elif _UNMARKED.search(data):
        raise ValueError(
            "it seems to be in UTF-16 or UTF-32, but has no byte order mark. Save it as UTF-8"
        )
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data and (data.endswith(b"\0") or b"\n" not in data):  # as `find -print0` writes it
        return [os.fsdecode(entry) for entry in data.split(b"\0") if entry]
    lines = (line.removesuffix(b"\r") for line in data.split(b"\n"))
    return [os.fsdecode(line) for line in lines if line]


def _placed(inputs: list[str], file: Path, say: Callable[[str], None]) -> list[str]:
    """Returns inputs as paths from the list's folder if only these exist."""
    relative = [
        each
        for each in inputs
        if not Path(each).is_absolute() and "\0" not in each and not is_remote(each)
    ]
    beside = {each: _beside(each, file.parent) for each in relative}
    if any(map(_exists, relative)) or not any(map(_exists, beside.values())):
        return inputs
    say(f"The paths in '{file}' start from its folder: from the current one, none exists.")
    return [beside.get(each, each) for each in inputs]


def _beside(text: str, folder: Path) -> str:
    """Returns a path or pattern as one from a folder, whose own name is no pattern."""
    is_pattern = glob.has_magic(text)
    return os.path.join(glob.escape(str(folder)) if is_pattern else folder, text)  # noqa: PTH118


def _exists(text: str) -> bool:
    """Tells whether a path exists, or a pattern matches something."""
    if os.path.lexists(text):
        return True
    found = glob.iglob(text, recursive=True) if glob.has_magic(text) else ()  # noqa: PTH207
    return any(True for _ in found)


def _hint(text: str) -> str:
    if os.path.lexists(text):
        return f" For the file or folder of that name, write '{os.curdir}{os.sep}{text}'."
    return suggest_path(Path(text[1:]))
