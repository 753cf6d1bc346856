"""The grid a capsule is drawn on before it is put into the picture."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""One number for each pixel of a canvas or picture, [h, w]."""

NOMINAL_SIZE: Final = 1000
"""Side of the picture in whose pixels nominal lengths are."""

_HALF_WIDTH: Final = 470.0
_HALF_HEIGHT: Final = 190.0


@dataclass(frozen=True)
class Canvas:
    """A grid around the middle of a capsule, which lies along it.

    Attributes:
        x: float32 [h, w], how far each pixel lies along the capsule, in nominal pixels.
        y: float32 [h, w], how far it lies across, in nominal pixels.
        pixels: Pixels of the canvas to a nominal one.
    """

    x: Plane
    y: Plane
    pixels: float

    @staticmethod
    def at(pixels: float) -> "Canvas":
        """Makes the grid of so many pixels to a nominal one."""
        width = 2 * int(np.ceil(_HALF_WIDTH * pixels)) + 1
        height = 2 * int(np.ceil(_HALF_HEIGHT * pixels)) + 1
        across = (np.arange(width, dtype=np.float32) - width // 2) / np.float32(pixels)
        down = (np.arange(height, dtype=np.float32) - height // 2) / np.float32(pixels)
        x, y = np.meshgrid(across, down)
        return Canvas(x, y, pixels)
