"""Masks that lie in the folder of their pictures, under the same name."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import numpy as np

from capsule_inspect.choices import MASK_ENDING
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.read import read_picture

_DARK, _BRIGHT = 32, 224
_BETWEEN: Final = 0.05
"""The largest share of a mask's pixels that are neither dark nor bright: soft edges."""
_TRIED: Final = 50
"""The number of pairs that are looked into as long as none holds a mask."""


def find_masks_beside(files: Collection[Path]) -> dict[Path, Path]:
    """Finds masks such as `crack/a.png` or `crack/a_mask.png` beside `crack/a.jpg`.

    Only files that share a name are looked into. One of them is a mask if it alone is black and
    white. Names may differ by another ending, such as `_GT`, if it pairs all files of a folder.

    Args:
        files: Pictures and masks.

    Returns:
        The mask of each picture that has one.
    """
    alike: dict[tuple[Path, str], list[Path]] = {}
    for file in files:
        alike.setdefault((file.parent, file.stem.removesuffix(MASK_ENDING)), []).append(file)
    found: dict[Path, Path] = {}
    pairs = (each for each in alike.values() if len(each) == 2)
    for number, pair in enumerate(pairs):
        if number == _TRIED and not found:
            break  # these are pictures in two formats
        masks = [file for file in pair if is_black_and_white(file)]
        if len(masks) == 1:
            (picture,) = (file for file in pair if file != masks[0])
            found[picture] = masks[0]
    return found or _find_by_ending(files)


def _find_by_ending(files: Collection[Path]) -> dict[Path, Path]:
    """Finds masks in folders where one ending pairs all files, each with its mask."""
    folders: dict[Path, dict[str, Path]] = {}
    for file in files:
        folders.setdefault(file.parent, {})[file.stem] = file
    found: dict[Path, Path] = {}
    for by_stem in folders.values():
        ending = _pairing_ending(by_stem.keys())
        pairs = {
            file: by_stem[stem + ending]
            for stem, file in by_stem.items()
            if ending and stem + ending in by_stem
        }
        if all(map(is_black_and_white, pairs.values())):
            found |= pairs
    return {} if any(map(is_black_and_white, found)) else found


def _pairing_ending(stems: Collection[str]) -> str:
    """Returns the ending that makes pairs of all names; empty without one."""
    shortest = min(stems, key=len, default="")
    endings = {
        stem[len(shortest) :]
        for stem in stems
        if stem.startswith(shortest) and not stem[len(shortest) :][:1].isalnum()
    } - {""}
    for ending in sorted(endings):
        longer = {stem for stem in stems if stem.endswith(ending)}
        if {stem.removesuffix(ending) for stem in longer} == set(stems) - longer:
            return ending
    return ""


def is_black_and_white(file: Path) -> bool:
    """Tells whether a file shows black and white alone, with soft edges at most."""
    try:
        return shows_black_and_white(read_picture(file))
    except PictureError:
        return False


def shows_black_and_white(picture: Picture) -> bool:
    """Tells whether a picture shows black and white alone, with soft edges at most."""
    grey = picture[..., 0]
    if any(np.any(picture[..., channel] != grey) for channel in (1, 2)):
        return False
    between = np.count_nonzero((grey >= _DARK) & (grey < _BRIGHT))
    return bool(between <= _BETWEEN * grey.size)
