"""Lists of inputs: `@LIST` for one in a file, `-` for that from stdin."""

import codecs
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from capsule_inspect.errors import UsageError
from capsule_inspect.text import suggest_path

_UTF16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def is_list(text: str) -> bool:
    """Tells whether an input is a list."""
    return text == "-" or text.startswith("@")


def read_list(text: str, say: Callable[[str], None] = lambda _: None) -> list[str]:
    """Returns the inputs in a list, one per line.

    Relative paths start from the current folder. If nothing lies there, but beside the list, they
    start from the list's folder.

    File names need not be text: bytes that are not UTF-8 are kept, as Python does with arguments. A
    byte order mark tells UTF-8 or UTF-16.

    Args:
        text: `-` or `@LIST`.
        say: Told in a sentence if paths start from the list's folder.

    Raises:
        UsageError: The list cannot be read or is empty.
    """
    if text == "-" and sys.stdin is None:
        raise UsageError("There is no stdin to read a list from.")
    try:
        data = sys.stdin.buffer.read() if text == "-" else Path(text[1:]).read_bytes()
        inputs = _split(data)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = _hint(text) if isinstance(error, OSError) else ""
        raise UsageError(f"The list '{text[1:]}' cannot be read: {reason}.{hint}") from None
    if not inputs:
        name = "stdin" if text == "-" else f"'{text[1:]}'"
        raise UsageError(f"The list from {name} is empty: it should hold a path per line.")
    return inputs if text == "-" else _placed(inputs, Path(text[1:]), say)


def _split(data: bytes) -> list[str]:
    """Returns the lines of a list that are not empty.

    Raises:
        ValueError: A byte order mark says UTF-16, which it is not.
    """
    encoding = next((name for mark, name in _UTF16.items() if data.startswith(mark)), "")
    if encoding:
        try:
            data = os.fsencode(data[2:].decode(encoding))
        except UnicodeDecodeError as error:
            raise ValueError("it begins as UTF-16, but is damaged") from error
    lines = data.removeprefix(codecs.BOM_UTF8).split(b"\n")
    return [os.fsdecode(line) for line in (line.removesuffix(b"\r") for line in lines) if line]


def _placed(inputs: list[str], file: Path, say: Callable[[str], None]) -> list[str]:
    """Returns inputs as paths from the list's folder if only these exist."""
    relative = [each for each in inputs if not Path(each).is_absolute() and "\0" not in each]
    beside = {each: os.path.join(file.parent, each) for each in relative}  # noqa: PTH118
    if any(map(_exists, relative)) or not any(map(_exists, beside.values())):
        return inputs
    say(f"The paths in '{file}' start from its folder: from the current one, none exists.")
    return [beside.get(each, each) for each in inputs]


def _exists(path: str) -> bool:
    return os.path.lexists(path)


def _hint(text: str) -> str:
    if _exists(text):
        return f" For the file or folder of that name, write '{os.curdir}{os.sep}{text}'."
    return suggest_path(Path(text[1:]))
