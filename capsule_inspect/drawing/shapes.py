"""Geometric shapes: jagged lines, ribbons, blobs and grains, and filling them."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.drawing.canvas import Canvas, Plane

Points = NDArray[np.float64]
"""float64 [n, 2]: points (x, y) of a line or outline, in nominal pixels unless stated otherwise."""

_SUBPIXEL_BITS: Final = 4


def jagged(start: Points, heading: float, length: float, rng: np.random.Generator) -> Points:
    """Walks from a point in short, erratic steps.

    Args:
        start: First point, (x, y), [2].
        heading: Direction in radians: 0 is along the capsule, a quarter turn across it.
        length: Approximate distance to the last point, in nominal pixels; the path is crooked.
        rng: Source of randomness, for the turns.
    """
    count = max(6, round(length / 13.0))
    turns = heading + rng.normal(0.0, 0.45, count)
    steps = length / count * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    path: Points = start + np.vstack([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return path


def ribbon(path: Points, width: float, rng: np.random.Generator) -> Points:
    """Widens a path to a polygon of varying width that tapers to both ends.

    Args:
        path: The centre line.
        width: Approximate width at the middle of the path, in nominal pixels.
        rng: Source of randomness, for the width.
    """
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    taper = np.sin(np.linspace(0.12, np.pi - 0.12, len(path))) ** 0.6
    half = 0.5 * width * taper
    left = path + across * (half * rng.uniform(0.6, 1.4, len(path)))[:, None]
    right = path - across * (half * rng.uniform(0.6, 1.4, len(path)))[:, None]
    return np.vstack([left, right[::-1]])


def blob(centre: Points, size: float, rough: float, rng: np.random.Generator) -> Points:
    """Outlines an irregular spot around a point.

    Args:
        centre: The point, (x, y), [2].
        size: Approximate radius, in the unit of the point.
        rough: How far the outline swings in and out, as a share of `size`; 0 is nearly round.
        rng: Source of randomness, for the outline.
    """
    angles = np.linspace(0.0, 2.0 * np.pi, 22, endpoint=False)
    lobes = sum(
        rng.normal(0.0, rough / k) * np.cos(k * angles + rng.uniform(0.0, 2 * np.pi))
        for k in (2, 3, 5, 7)
    )
    radii = size * np.clip(1.0 + lobes + rng.normal(0.0, 0.08, len(angles)), 0.45, 1.7)
    outline: Points = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return outline


def fill(canvas: Canvas, polygons: list[Points], grow: float = 0.0) -> Plane:
    """Fills polygons on a canvas.

    Args:
        canvas: The canvas.
        polygons: Their outlines.
        grow: Width of the pen that also traces each outline, in nominal pixels; 0 for none.

    Returns:
        The covered share of each pixel, in [0, 1].
    """
    height, width = canvas.x.shape
    middle = np.array([width // 2, height // 2])
    pen = max(1, round(grow * canvas.pixels)) if grow else 0
    moved = [polygon * canvas.pixels + middle for polygon in polygons]
    return fill_pixels((height, width), moved, pen)


def fill_pixels(shape: tuple[int, int], polygons: list[Points], pen: int = 0) -> Plane:
    """Fills polygons given in pixels.

    Args:
        shape: Height and width of the grid.
        polygons: Their outlines, in pixels from the centre of the first pixel.
        pen: Width of the pen that also traces each outline, in pixels; 0 for none.

    Returns:
        The covered share of each pixel, in [0, 1].
    """
    cover = np.zeros(shape, np.uint8)
    for polygon in polygons:
        points = [np.round(polygon * (1 << _SUBPIXEL_BITS)).astype(np.int32)]
        cv2.fillPoly(cover, points, 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        if pen:
            cv2.polylines(cover, points, True, 255, pen, cv2.LINE_AA, _SUBPIXEL_BITS)
    share: Plane = cover.astype(np.float32) / np.float32(255.0)
    return share


def soft(plane: Plane, canvas: Canvas, sigma: float) -> Plane:
    """Blurs a plane of a canvas with a Gaussian; `sigma` is in nominal pixels."""
    blurred = cv2.GaussianBlur(plane, (0, 0), max(0.3, sigma * canvas.pixels))
    return np.asarray(blurred, np.float32)


def grains(canvas: Canvas, rng: np.random.Generator, size: float, bias: float) -> Plane:
    """Scatters grains over a canvas.

    Args:
        canvas: The canvas.
        rng: Source of randomness.
        size: Approximate size of a grain, in nominal pixels.
        bias: The value of a standard normal variable above which there is a grain: at 0 grains
            cover half of the canvas, above 0 less, below 0 more.

    Returns:
        1 on grains, 0 between them, with soft borders.
    """
    shape = (round(356.0 / size), round(940.0 / size))
    coarse = rng.standard_normal(shape, np.float32)
    height, width = canvas.x.shape
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    lumps: Plane = np.clip((fine - np.float32(bias)) * 4.0 + 0.5, 0.0, 1.0).astype(np.float32)
    return lumps
