"""Hints: a map of what decided, of a model that was never shown where defects are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.crop import Crop


@dataclass(frozen=True)
class Hint:
    """How much each place of a window speaks for a defect. It is no mask: it has no edge.

    Attributes:
        levels: float32 [h, w]: 1 at the highest place, 0 where the score is at most the mean of all
            places, and linear between.
        crop: Where the window lies in its picture.
        shape: Height and width of the picture.
    """

    levels: NDArray[np.float32]
    crop: Crop
    shape: tuple[int, int]

    @classmethod
    def of(cls, hint: NDArray[np.float32], crop: Crop, shape: tuple[int, int]) -> "Hint | None":
        """Makes a hint of a network's output; None if all places speak alike.

        Args:
            hint: float32 [h, w, 1].
            crop: Where the window lies in its picture.
            shape: Height and width of the picture.
        """
        scores = hint[..., 0].astype(np.float64)
        above = np.maximum(scores - scores.mean(), 0)
        highest = float(above.max())
        if not highest > _LEAST:
            return None
        return cls((above / highest).astype(np.float32), crop, shape)

    def map(self) -> NDArray[np.float32]:
        """Returns the levels at the picture's own resolution, float32 [H, W]; 0 elsewhere."""
        return self.crop.restore(self.levels, *self.shape)


_LEAST = 1e-6
"""A highest place no higher above the mean than this is rounding."""
