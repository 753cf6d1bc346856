"""The canvas that capsules are drawn on, and the pose of a capsule on it."""

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


@dataclass(frozen=True)
class Pose:
    """Where a capsule lies, how large, and which way round.

    Attributes:
        scale: Of its full size, about 1 at most.
        degrees: Clockwise from horizontal, the dark half left.
        shift: Of its middle from that of the picture, right and down, in nominal pixels.
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
    """Chooses a pose that keeps the whole capsule in the picture, with a margin.

    Args:
        rng: Decides.
        upright: Horizontal within 3 degrees, near full size; otherwise at any angle and smaller.
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
