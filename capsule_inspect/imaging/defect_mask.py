"""Which pixels a mask file marks as defect."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

CLASS_NUMBERS: Final = 32
"""Masks whose values are all below this hold numbers of classes, or just 0 and 1."""
_HALF: Final = 128
"""Half of the range of 8 bits: where the edge is of what was smoothed or compressed."""


def is_defect(values: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tells which pixels of a mask are defect, bool [H, W].

    Those of at least half of the range are: edges may be soft, and compression leaves low values
    around a defect. A mask of low values alone holds numbers of classes, and all but 0 are defect.

    Args:
        values: uint8 [H, W], as `read_mask` returns them.
    """
    return np.asarray(values >= _least(values), np.bool_)


def describe_values(values: NDArray[np.uint8]) -> str:
    """Returns a sentence on a mask with more than two values; nothing on any other.

    Args:
        values: uint8 [H, W], as `read_mask` returns them.
    """
    if len(np.unique(values)) <= 2:
        return ""
    if _least(values) == 1:
        return "The mask holds several values; all but 0 count as defect."
    return (
        "The mask has soft edges or was compressed; what is at least half of its range counts as "
        "defect."
    )


def _least(values: NDArray[np.uint8]) -> int:
    highest = int(values.max(initial=0))
    if highest < CLASS_NUMBERS:
        return 1
    return min(_HALF, (highest + 1) // 2)
