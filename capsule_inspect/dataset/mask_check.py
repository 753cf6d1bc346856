"""Check one mask against its picture."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import GOOD
from capsule_inspect.dataset.problems import Problem
from capsule_inspect.imaging.defect_mask import describe_values, is_defect
from capsule_inspect.imaging.headers import read_header


def mask_problems(
    path: str, mask: NDArray[np.uint8], label: str, size: tuple[int, int]
) -> Iterator[Problem]:
    """Finds what is wrong with a mask.

    Args:
        path: The file that a problem is about.
        mask: uint8 [H, W], as `read_mask` returns it.
        label: The class of the picture.
        size: Height and width of the picture, the right way up.
    """
    if mask.shape != size:
        yield Problem(
            path,
            f"The mask has {mask.shape[1]} x {mask.shape[0]} pixels, "
            f"its picture {size[1]} x {size[0]}.",
            fatal=True,
        )
    marked = is_defect(mask).any()
    if label == GOOD and marked:
        yield Problem(
            path, "The mask marks a defect, but its picture is labelled good.", fatal=True
        )
    elif label != GOOD and not marked:
        message = f"The mask is empty, but its picture is labelled {label}."
        yield Problem(path, message, fatal=True)
    elif label != GOOD and _may_be_inverted(mask):
        message = (
            "The mask marks more than half of its picture. If black stands for defect in it, "
            "invert it; or prepare with data.invert_masks=true, if it is so in all masks."
        )
        yield Problem(path, message, fatal=False)
    elif message := describe_values(mask):
        yield Problem(path, message, fatal=False)


def _may_be_inverted(mask: NDArray[np.uint8]) -> bool:
    """Tells whether a mask marks most of its picture, but not all of it."""
    share = float(is_defect(mask).mean())
    return 0.5 < share < 1


def turn_problems(path: str, picture: bytes, mask: bytes) -> Iterator[Problem]:
    """Finds a mask that is stored as its picture is, but turned otherwise by EXIF.

    Args:
        path: The mask.
        picture: The content of the file of the picture; whole, as that of the mask.
        mask: The content of its file.
    """
    shown, marked = read_header(picture, path), read_header(mask, path)
    stored_alike = (shown.width, shown.height) == (marked.width, marked.height)
    if stored_alike and shown.orientation != marked.orientation:
        message = (
            "EXIF turns its picture, but not the mask in the same way. If the mask was drawn on "
            "the picture as stored, it lies in the wrong place: save both upright."
        )
        yield Problem(path, message, fatal=False)
