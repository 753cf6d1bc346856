"""Where a drawn capsule lies in its picture."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.drawing.canvas import NOMINAL_SIZE, Canvas


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
