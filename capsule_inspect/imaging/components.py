"""Components: the large connected regions that differ from the background."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_MIN_AREA = 0.004
"""Least area of a capsule as a share of the picture: the crop of a smaller one would be blurred."""
_MIN_OF_LARGEST = 0.25
"""Least area as a share of the largest component. The capsules of a picture are of one kind, so
smaller components are dust and debris."""
_OPENING = np.ones((3, 3), np.uint8)
"""Removes anything thinner, which is noise or a scratch in the background."""


@dataclass(frozen=True)
class Component:
    """A connected component and the rotated box along its long axis, in pixels of the small copy.

    Attributes:
        mask: uint8 [h, w], the size of the copy; 255 inside the component and 0 outside.
        bounds: Left, top, width and height of the component.
        centre: Centre of the box, float64 [2], x and y.
        axis: Unit vector along the long axis, float64 [2], x and y.
        length: Side of the box along the axis.
        width: Side of the box across the axis.
    """

    mask: NDArray[np.uint8]
    bounds: Sequence[int]
    centre: NDArray[np.float64]
    axis: NDArray[np.float64]
    length: float
    width: float

    def coordinates(
        self, left: int, top: int, shape: tuple[int, ...]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns the coordinates of pixels in the frame of the box.

        Args:
            left: First column of the pixels.
            top: First row of the pixels.
            shape: Number of rows and columns.

        Returns:
            Distances from the centre along the axis and across it, each float32 of `shape`.
        """
        x = (np.arange(shape[1], dtype=np.float32) + (left + 0.5 - self.centre[0]))[None]
        y = (np.arange(shape[0], dtype=np.float32) + (top + 0.5 - self.centre[1]))[:, None]
        along, up = self.axis.astype(np.float32)
        return x * along + y * up, y * along - x * up


def find_components(distance: NDArray[np.float32]) -> list[Component]:
    """Finds the large components that differ from the background; their holes are filled.

    Args:
        distance: float32 [h, w], colour distance of each pixel to the background, in grey levels.

    Returns:
        The components, in no particular order.
    """
    grey = np.minimum(distance, 255).astype(np.uint8)
    _, mask = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _OPENING)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = []
    for contour in contours:
        component = np.zeros_like(grey)
        cv2.drawContours(component, [contour], -1, 255, cv2.FILLED)
        filled.append((int(np.count_nonzero(component)), component, contour))
    largest = max((area for area, _, _ in filled), default=0)
    least = max(_MIN_AREA * grey.size, _MIN_OF_LARGEST * largest)
    return [measure_component(mask, contour) for area, mask, contour in filled if area >= least]


def measure_component(mask: NDArray[np.uint8], contour: NDArray[Any]) -> Component:
    """Measures a component.

    Args:
        mask: uint8 [h, w], 255 inside the component and 0 outside.
        contour: int [n, 1, 2], its outermost pixels.
    """
    moments = cv2.moments(mask, binaryImage=True)
    # The angle of the longer principal axis, from the second central moments.
    turn = 0.5 * math.atan2(2 * moments["mu11"], moments["mu20"] - moments["mu02"])
    axis = np.array([math.cos(turn), math.sin(turn)])
    across = np.array([-axis[1], axis[0]])
    points = contour[:, 0] + 0.5  # centres of the outermost pixels
    along_range, across_range = _extent(points @ axis), _extent(points @ across)
    centre = axis * sum(along_range) / 2 + across * sum(across_range) / 2
    length, width = (high - low for low, high in (along_range, across_range))
    return Component(mask, cv2.boundingRect(contour), centre, axis, length, width)


def _extent(positions: NDArray[np.float64]) -> tuple[float, float]:
    return float(positions.min()) - 0.5, float(positions.max()) + 0.5
