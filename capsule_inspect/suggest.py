"""Guessing what a person meant by a name that does not exist, for the end of a message."""

from collections.abc import Callable, Iterable
from itertools import islice
from os import scandir
from pathlib import Path

_MOST_SIBLINGS = 2000
"""A folder of very many pictures is not searched to its end for the sake of a hint."""


def suggest(word: str, known: Iterable[str]) -> str:
    """Returns a sentence that starts with a space, such as ` Did you mean 'train'?`, or nothing.

    Args:
        word: What was written.
        known: What it could have been; upper and lower case count as alike.

    Example:
        >>> suggest("predct", ["prepare", "train", "predict"])
        " Did you mean 'predict'?"
    """
    meant = closest(word, known)
    return f" Did you mean '{meant}'?" if meant else ""


def closest(word: str, known: Iterable[str]) -> str | None:
    """Returns the known word that is most like another one, if any is much like it."""
    from difflib import get_close_matches

    spelled = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), spelled, n=1, cutoff=0.5)
    return spelled[close[0]] if close else None


def suggest_path(path: Path, fits: Callable[[Path], bool] = lambda _: True) -> str:
    """Returns a sentence that names an existing path like one that does not exist, or nothing.

    Each part of the path that is not there is taken for the entry most like it beside it.

    Args:
        path: What was written.
        fits: Tells whether a path is of the kind that is wanted.
    """
    found = Path(path.anchor)
    try:
        for part in path.parts[len(found.parts) :]:
            if not (found / part).exists():
                name = closest(part, _entries(found))
                if name is None:
                    return ""
                found /= name
            else:
                found /= part
    except OSError:
        return ""
    return f" Did you mean '{found}'?" if found != path and fits(found) else ""


def _entries(folder: Path) -> list[str]:
    """Returns the names in a folder, hidden ones left out."""
    with scandir(folder) as entries:
        names = [entry.name for entry in islice(entries, _MOST_SIBLINGS)]
    return [name for name in names if not name.startswith(".")]
