"""Text that may hold anything, on one line."""

import unicodedata

from capsule_inspect.printable import printable


def on_one_line(text: str) -> str:
    """Makes text printable, as `printable` does, and replaces control characters by `?`."""
    return "".join("?" if unicodedata.category(c) == "Cc" else c for c in printable(text))
