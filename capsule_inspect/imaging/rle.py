"""Run-length encoding of masks, as COCO does it: columns first, uncompressed."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RunLengths:
    """A mask as the lengths of its runs.

    COCO's tools read it: https://cocodataset.org/#format-data, `iscrowd=1`.

    Attributes:
        size: Height and width in pixels.
        counts: Pixels of each run, down the columns from the left; runs outside and inside the mask
            take turns, and the first is outside (it can be 0).
    """

    size: tuple[int, int]
    counts: tuple[int, ...]


def encode_runs(mask: NDArray[np.bool_]) -> RunLengths:
    """Encodes a mask.

    Args:
        mask: bool [H, W].

    Example:
        >>> encode_runs(np.array([[False, True], [True, True]]))
        RunLengths(size=(2, 2), counts=(1, 3))
    """
    height, width = mask.shape
    column_major = mask.ravel(order="F")
    changes = np.flatnonzero(column_major[1:] != column_major[:-1]) + 1
    edges = [0, *changes.tolist(), column_major.size]
    counts = [end - start for start, end in itertools.pairwise(edges)]
    if column_major[0]:
        counts.insert(0, 0)
    return RunLengths((height, width), tuple(counts))
