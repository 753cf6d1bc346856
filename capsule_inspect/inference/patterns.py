"""Patterns such as `'line-*/**/*.png'`, and the files that they match."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path
from typing import Final

from capsule_inspect.inference.walk import Walked, sort_out

_DEEP: Final = "**"
_UP: Final = ".."


@dataclass(frozen=True)
class Matched:
    """What a pattern matches.

    Attributes:
        folder: The folder that it starts from: the part before the first sign of a pattern.
        matching: The files that it matches.
        walked: All that lies in the folders that it leads through. A folder that the pattern names
            in full is not kept by systems.
    """

    folder: Path
    matching: frozenset[Path]
    walked: Walked


def is_pattern(text: str) -> bool:
    """Tells whether an input holds a sign of a pattern."""
    return glob.has_magic(text)


def match_pattern(pattern: str) -> Matched:
    """Finds the files that a pattern matches, as `glob` does: `**` stands for folders of any depth.

    Links are followed, but not in a circle.

    Raises:
        UsageError: The folder that the pattern starts from cannot be listed.
    """
    parts = Path(pattern).parts
    fixed = next(place for place, part in enumerate(parts) if is_pattern(part))
    folder, below = Path(*parts[:fixed]), parts[fixed:]
    named = frozenset(part.casefold() for part in below if not is_pattern(part))
    errors: list[OSError] = []
    found = dict(_match(folder, below, _reach({0}, below), frozenset(), errors))
    matching = frozenset(file for file, matches in found.items() if matches)
    shut = [each for each in errors if not isinstance(each, FileNotFoundError | NotADirectoryError)]
    return Matched(folder, matching, sort_out(folder, found, shut, named))


def _match(
    folder: Path,
    parts: Sequence[str],
    places: set[int],
    above: frozenset[str],
    errors: list[OSError],
) -> Iterator[tuple[Path, bool]]:
    """Yields the files in a folder and below, each with whether it matches.

    Args:
        folder: The folder.
        parts: The parts of the pattern.
        places: The numbers of the parts that a name in the folder can match.
        above: The real paths of the folders that it lies in.
        errors: Takes the errors of listing.
    """
    real = os.path.realpath(folder)
    if real in above:
        return
    if ups := {place + 1 for place in places if place < len(parts) and parts[place] == _UP}:
        yield from _match(folder / _UP, parts, _reach(ups, parts), frozenset(), errors)
    try:
        with os.scandir(folder) as listed:
            entries = sorted((entry.name, _is_folder(entry)) for entry in listed)
    except OSError as error:
        errors.append(error)
        return
    for name, is_folder in entries:
        path = folder / name
        reached = _reach(_after(name, parts, places), parts)
        if not is_folder:
            yield path, len(parts) in reached
        elif reached - {len(parts)}:
            yield from _match(path, parts, reached, above | {real}, errors)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link, in a folder that names can be read from but nothing else
        return False


def _after(name: str, parts: Sequence[str], places: set[int]) -> set[int]:
    """Returns the places that follow after a name."""
    hidden = name.startswith(".")
    following: set[int] = set()
    for place in places - {len(parts)}:
        part = parts[place]
        if part == _DEEP and not hidden:
            following.add(place)
        elif part != _DEEP and hidden <= part.startswith(".") and fnmatch(name, part):
            following.add(place + 1)
    return following


def _reach(places: set[int], parts: Sequence[str]) -> set[int]:
    """Adds the places that are reached without a name, since `**` can stand for no folder."""
    reached: set[int] = set()
    for place in places:
        deep = takewhile(lambda at: parts[at] == _DEEP, range(place, len(parts)))
        reached |= {place, *(at + 1 for at in deep)}
    return reached
