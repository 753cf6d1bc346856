"""Short texts for people: counts, suggestions, command lines and safe file names."""

import os
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from subprocess import list2cmdline


def counted(number: int, noun: str) -> str:
    """Returns a count with its noun, such as `1 picture` or `3 pictures`.

    Args:
        number: The count.
        noun: The noun in the singular; its plural must end in s.
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(words: Sequence[str], most: int = 10) -> str:
    """Returns words as text, such as `a, b and c`; of many, the first ones and a count.

    Args:
        words: At least one.
        most: How many to name at most.
    """
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def printable(text: str) -> str:
    r"""Returns a file name, or a sentence with one, as text that can be written as UTF-8.

    File names can hold bytes that are not UTF-8. These become `\udcXX`, as Python's
    `backslashreplace` writes them.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def on_one_line(text: str) -> str:
    """Returns printable text, as `printable` does, with control characters replaced by `?`."""
    return "".join("?" if unicodedata.category(c) == "Cc" else c for c in printable(text))


_IN_ADDRESS = re.compile(r"(://[^:/@\s]*:).*@")
_NAMED = re.compile(
    r"(\b\w*(?:pass|pwd|token|secret|odbc_connect)\w*=)"
    r"(?:'[^'\n]*'|\"[^\"\n]*\"|[^&\s'\"]*)",
    re.IGNORECASE,
)


def mask_passwords(text: str) -> str:
    """Replaces the passwords in a text by `***`: those of URLs, and what follows `password=`."""
    return _NAMED.sub(r"\1***", _IN_ADDRESS.sub(r"\1***@", text))


_MOST_SIBLINGS = 2000
"""The most names of a folder that are compared for a hint; folders of pictures can be huge."""


def suggest(word: str, known: Iterable[str]) -> str:
    """Returns a sentence that starts with a space, such as ` Did you mean 'train'?`, or nothing.

    Args:
        word: The word as the user wrote it.
        known: The possible words; case does not matter.

    Example:
        >>> suggest("predct", ["prepare", "train", "predict"])
        " Did you mean 'predict'?"
    """
    meant = closest(word, known)
    return f" Did you mean '{meant}'?" if meant else ""


def closest(word: str, known: Iterable[str], likeness: float = 0.5) -> str | None:
    """Returns the known word closest to another one; None if none is close.

    Args:
        word: A word; case does not matter.
        known: The possible words.
        likeness: The least share of letters in common, as `difflib` counts it.
    """
    from difflib import get_close_matches

    spelled = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), spelled, n=1, cutoff=likeness)
    return spelled[close[0]] if close else None


def suggest_path(path: Path, fits: Callable[[Path], bool] = lambda _: True) -> str:
    """Returns a sentence that names the existing path closest to a missing one, or nothing.

    It replaces each missing part of the path by the closest name in that folder.

    Args:
        path: The path as the user wrote it.
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
    """Returns the names in a folder, without hidden ones."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in islice(entries, _MOST_SIBLINGS)]
    return [name for name in names if not name.startswith(".")]


def command_line(*words: object) -> str:
    """Returns a command line of this program, such as `capsule-inspect info model.tflite`.

    Args:
        words: The words after `capsule-inspect`; quoted where a shell would split one. A path that
            begins with a dash begins with `./` instead, since it is no option.

    Example:
        >>> command_line("predict", "my pictures", "-o", "out")
        "capsule-inspect predict 'my pictures' -o out"
    """
    arguments = ["capsule-inspect", *map(_as_argument, words)]
    return list2cmdline(arguments) if os.name == "nt" else " ".join(map(_quote, arguments))


_UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\udc80-\udcff]")
"""Control characters but the end of a line, and bytes that are not UTF-8."""


def _quote(word: str) -> str:
    """Quotes a word for a POSIX shell; `printf` writes what a terminal must not be sent."""
    if not _UNPRINTABLE.search(word):
        return shlex.quote(word)
    kept = word.rstrip("\n")  # a substitution drops the ends of lines behind it
    octal = "".join(f"\\{byte:03o}" for byte in os.fsencode(kept))
    rest = word[len(kept) :]
    return f"\"$(printf '{octal}')\"" + (shlex.quote(rest) if rest else "")


def _as_argument(word: object) -> str:
    text = str(word)
    return f"{os.curdir}{os.sep}{text}" if isinstance(word, Path) and text[0] == "-" else text


def as_written(score: float) -> float:
    """Rounds a score to the six significant digits that rows hold and decisions are made on.

    Example:
        >>> as_written(0.12345678)
        0.123457
    """
    return float(f"{score:.6g}")
