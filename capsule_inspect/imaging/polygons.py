"""Polygons that outline a region of a picture."""

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Polygon: TypeAlias = Sequence[tuple[float, float]]
"""Corners, x and y in pixels. Coordinates are continuous: a pixel covers [i, i + 1)."""

_FINE: Final = 4
"""Samples per pixel and axis. OpenCV fills every pixel that an outline touches; of so small ones,
that adds about an eighth of a pixel."""
_FAR: Final = 2.0**24
"""Corners further away than this are moved there, since OpenCV computes with 32 bits."""


def fill_polygons(polygons: Sequence[Polygon], height: int, width: int) -> NDArray[np.bool_]:
    """Returns the pixels of which at least half lies in one of the polygons.

    Args:
        polygons: Each with at least three corners; parts outside the picture are cut off.
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.

    Returns:
        bool [height, width].

    Example:
        >>> square = [(1, 1), (3, 1), (3, 3), (1, 3)]
        >>> fill_polygons([square], 4, 5).sum(axis=0).tolist()
        [0, 2, 2, 0, 0]
    """
    mask = np.zeros((height, width), np.bool_)
    for polygon in polygons:
        corners = np.clip(np.array(polygon, np.float64), -_FAR, _FAR)
        left, top = (max(0, math.floor(low)) for low in corners.min(axis=0))
        right, bottom = (
            min(size, math.ceil(high))
            for size, high in zip((width, height), corners.max(axis=0), strict=True)
        )
        if left < right and top < bottom:
            part = (slice(top, bottom), slice(left, right))
            mask[part] |= _fill(corners - [left, top], bottom - top, right - left)
    return mask


def _fill(corners: NDArray[np.float64], height: int, width: int) -> NDArray[np.bool_]:
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    # OpenCV places corners relative to pixel centres.
    cv2.fillPoly(fine, [np.rint(corners * _FINE - 0.5).astype(np.int32)], 255)
    shares = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shares >= 128, np.bool_)
