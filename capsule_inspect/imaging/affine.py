"""Affine maps from a picture to a window. Coordinates are continuous: a pixel covers [i, i + 1)."""

import cv2
import numpy as np
from numpy.typing import NDArray


def for_pixel_centres(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Converts a map of continuous coordinates to OpenCV's, where integers are pixel centres."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    return np.asarray(shifted, np.float64)


def bounds(
    matrix: NDArray[np.float64],
    window: tuple[int, ...],
    picture: tuple[int, ...],
    margin: float = 0.0,
) -> tuple[slice, slice]:
    """Returns the rows and columns of a picture that a window touches.

    Args:
        matrix: float64 [2, 3], map from the picture to the window.
        window: Height and width of the window.
        picture: Height and width of the picture, and more that does not matter.
        margin: Pixels of the window to add on every side of it.

    Returns:
        At least one row and one column, even if the window lies beside the picture.
    """
    height, width = window
    sides = (-margin, width + margin), (-margin, height + margin)
    corners = np.array([(x, y, 1) for x in sides[0] for y in sides[1]])
    there = corners @ np.asarray(cv2.invertAffineTransform(matrix)).T
    low = np.floor(there.min(axis=0)).astype(int)
    high = np.ceil(there.max(axis=0)).astype(int)
    columns, rows = (
        slice(int(min(max(0, start), size - 1)), int(max(1, min(stop, size))))
        for start, stop, size in zip(low, high, (picture[1], picture[0]), strict=True)
    )
    return rows, columns
