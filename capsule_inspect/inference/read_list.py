"""Lists of inputs, in files and from stdin."""

import os
import sys
from pathlib import Path

from capsule_inspect.errors import UsageError
from capsule_inspect.suggest import suggest_path


def is_list(text: str) -> bool:
    """Tells whether an input names a list: `-` that from stdin, `@LIST` that in a file."""
    return text == "-" or text.startswith("@")


def read_list(text: str) -> list[str]:
    """Returns the inputs that a list names, a line each.

    File names need not be text: bytes that are not UTF-8 are kept as Python keeps those of
    arguments.

    Args:
        text: `-` or `@LIST`.

    Raises:
        UsageError: The list cannot be read or is empty.
    """
    if text == "-" and sys.stdin is None:
        raise UsageError("There is no stdin to read a list from.")
    try:
        data = sys.stdin.buffer.read() if text == "-" else Path(text[1:]).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = suggest_path(Path(text[1:])) if isinstance(error, FileNotFoundError) else ""
        raise UsageError(f"The list '{text[1:]}' cannot be read: {reason}.{hint}") from None
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    if not any(lines):
        name = "stdin" if text == "-" else f"'{text[1:]}'"
        raise UsageError(f"The list from {name} is empty: it should hold a path per line.")
    return [os.fsdecode(line) for line in lines if line]
