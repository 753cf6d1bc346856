"""The canvas that capsules are drawn on, and the pose of a capsule on it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""float32 [h, w]: one number for each pixel of a canvas or picture."""

NOMINAL_SIZE: Final = 1000
"""Side of the picture whose pixels are the unit of nominal lengths."""

_HALF_WIDTH: Final = 470.0
_HALF_HEIGHT: Final = 190.0


@dataclass(frozen=True)
class Canvas:
    """A pixel grid around the middle of a capsule, which lies horizontally.

    Attributes:
        x: float32 [h, w], position of each pixel along the capsule, in nominal pixels.
        y: float32 [h, w], its position across the capsule, in nominal pixels.
        pixels: Canvas pixels per nominal pixel.
    """

    x: Plane
    y: Plane
    pixels: float

    @staticmethod
    def at(pixels: float) -> "Canvas":
        """Makes a canvas with the given number of pixels per nominal pixel."""
        width = 2 * int(np.ceil(_HALF_WIDTH * pixels)) + 1
        height = 2 * int(np.ceil(_HALF_HEIGHT * pixels)) + 1
        across = (np.arange(width, dtype=np.float32) - width // 2) / np.float32(pixels)
        down = (np.arange(height, dtype=np.float32) - height // 2) / np.float32(pixels)
        x, y = np.meshgrid(across, down)
        return Canvas(x, y, pixels)


@dataclass(frozen=True)
class Pose:
    """Where a capsule lies, how large it is, and at which angle.

    Attributes:
        scale: Share of full size, at most about 1.
        degrees: Angle clockwise from horizontal with the dark half on the left.
        shift: Offset of its middle from the picture's, right and down, in nominal pixels.
    """

    scale: float
    degrees: float
    shift: tuple[float, float]

    def placement(self, canvas: Canvas, size: int) -> NDArray[np.float64]:
        """Returns the affine matrix [2, 3] from a canvas to a picture of `size` pixels a side."""
        rows, columns = canvas.x.shape
        middle = np.array([columns // 2, rows // 2], np.float64)
        centre = (size - 1) / 2 + np.array(self.shift) * size / NOMINAL_SIZE
        sine, cosine = np.sin(np.deg2rad(self.degrees)), np.cos(np.deg2rad(self.degrees))
        turn = np.array([[cosine, -sine], [sine, cosine]])
        return np.column_stack([turn, centre - turn @ middle])


def choose_pose(rng: np.random.Generator, upright: bool) -> Pose:
    """Chooses a pose in which the whole capsule is in the picture, with a margin.

    Args:
        rng: Source of randomness.
        upright: Keep it horizontal within 3 degrees and near full size, instead of any angle and
            size.
    """
    if upright:
        x, y = rng.uniform(-15.0, 15.0), rng.uniform(-40.0, 40.0)
        return Pose(rng.uniform(0.97, 1.02), rng.uniform(-3.0, 3.0), (x, y))
    scale, degrees = rng.uniform(0.55, 1.0), rng.uniform(0.0, 360.0)
    along, half, thick = np.deg2rad(degrees), 440.0 * scale, 190.0 * scale
    reach_x = (half - thick) * abs(np.cos(along)) + thick
    reach_y = (half - thick) * abs(np.sin(along)) + thick
    free_x, free_y = max(0.0, 470.0 - reach_x), max(0.0, 470.0 - reach_y)
    return Pose(scale, degrees, (rng.uniform(-free_x, free_x), rng.uniform(-free_y, free_y)))
