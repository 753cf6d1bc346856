"""How far a predicted mask covers a true one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Overlap:
    """Pixel counts of two masks of one picture.

    Attributes:
        intersection: Pixels in both masks.
        predicted: Pixels in the predicted mask.
        true: Pixels in the true mask.
    """

    intersection: int
    predicted: int
    true: int

    @property
    def dice(self) -> float:
        """2 |A and B| / (|A| + |B|), in [0, 1] (Dice, 1945); 1 if both masks are empty."""
        total = self.predicted + self.true
        return 2 * self.intersection / total if total else 1.0

    @property
    def iou(self) -> float:
        """|A and B| / |A or B|, in [0, 1] (Jaccard, 1912); 1 if both masks are empty."""
        union = self.predicted + self.true - self.intersection
        return self.intersection / union if union else 1.0


def measure_overlap(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> Overlap:
    """Counts the pixels of two masks.

    Args:
        predicted: bool [H, W], which pixels are called defect.
        true: bool [H, W], which are.

    Example:
        >>> true = np.array([[True, True, False, False]])
        >>> overlap = measure_overlap(np.array([[False, True, True, False]]), true)
        >>> overlap.dice, round(overlap.iou, 3)
        (0.5, 0.333)
    """
    return Overlap(
        intersection=int(np.count_nonzero(predicted & true)),
        predicted=int(np.count_nonzero(predicted)),
        true=int(np.count_nonzero(true)),
    )
