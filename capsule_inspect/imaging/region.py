"""A region: the pixels of a mask, held within the box around them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Region:
    """Some pixels of a picture. It takes as much memory as the box around them, not the picture.

    Attributes:
        shape: Height and width of the picture.
        top: The first row of the box.
        left: Its first column.
        inside: bool [h, w]: which pixels of the box belong to the region.
    """

    shape: tuple[int, int]
    top: int
    left: int
    inside: NDArray[np.bool_]

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> "Region":
        """Makes the region of a mask, bool [H, W].

        Example:
            >>> mask = np.zeros((40, 50), np.bool_)
            >>> mask[3:5, 7] = True
            >>> region = Region.of(mask)
            >>> region.top, region.left, region.inside.shape, region.area
            (3, 7, (2, 1), 2)
        """
        height, width = mask.shape
        x, y, w, h = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
        return cls((height, width), y, x, mask[y : y + h, x : x + w].copy())

    @property
    def area(self) -> int:
        """Number of its pixels."""
        return int(np.count_nonzero(self.inside))

    def mask(self) -> NDArray[np.bool_]:
        """Returns the region as a mask of the picture's size, bool [H, W]."""
        mask = np.zeros(self.shape, np.bool_)
        height, width = self.inside.shape
        mask[self.top : self.top + height, self.left : self.left + width] = self.inside
        return mask
