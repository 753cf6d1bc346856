"""What run folders are called after their time."""

import os
import re
import unicodedata

_LONGEST = 40


def safe_name(text: str) -> str:
    """Makes a text safe as a part of a file name: letters, digits, dots, dashes and underscores.

    Accents are dropped, all else becomes dashes. At most 40 characters; empty if nothing is left.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:_LONGEST].rstrip("-._")


def input_name(text: str) -> str:
    """Returns what an input of `predict` is called; a file is without its ending."""
    name = base_name(text)
    return name if os.path.isdir(text) else os.path.splitext(name)[0]  # noqa: PTH112, PTH122


def base_name(path: str | os.PathLike[str]) -> str:
    """Returns the last part of a path; of `.`, `..` and such, that of the folder they stand for."""
    return os.path.basename(os.path.abspath(path))  # noqa: PTH100, PTH119  (resolve() follows links)
