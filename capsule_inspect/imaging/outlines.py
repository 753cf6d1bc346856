"""Outlines of a region: polygons that a person can edit, and that fill to the region again."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.polygons import Polygon, fill_polygons
from capsule_inspect.imaging.region import Region

_Ring: TypeAlias = NDArray[np.int64]
"""Corners of pixels along an edge of a region, each one step from the last: [n, 2], x and y."""

_REACH: Final = 0.75
"""How far, in pixels, a smooth outline may leave the middles of the pixels' edges."""
_LEAST_IOU: Final = 0.95
"""Least overlap of a smooth outline with its pixels; thin and tiny regions fall below."""


def outline(region: Region) -> tuple[Polygon, ...]:
    """Returns polygons around a region, one for each of its connected parts.

    An outline is smooth: no pixel further than one from the region's edge is changed. Where that
    changes too much, such as for a thin line, it follows the edges of the pixels. So does that of a
    part with holes; it goes to each hole and back on the same line, since most formats have no
    holes.

    Args:
        region: Some pixels of a picture.

    Returns:
        Corners in pixels of the picture, multiples of a half, for `fill_polygons`. The parts stand
        in the order of their first pixels, row by row.

    Example:
        >>> mask = np.zeros((6, 8), np.bool_)
        >>> mask[1:4, 2:4] = True
        >>> outline(Region.of(mask))
        (((2.0, 1.0), (2.0, 4.0), (4.0, 4.0), (4.0, 1.0)),)
    """
    origin = np.array([region.left, region.top])
    parts = sorted(_trace(region.inside), key=lambda part: tuple(part[0][0, ::-1]))
    rings = [_outline_part(outer, holes) + origin for outer, holes in parts]
    return tuple(tuple((float(x), float(y)) for x, y in ring) for ring in rings)


def _trace(inside: NDArray[np.bool_]) -> list[tuple[_Ring, list[_Ring]]]:
    """Returns the outer edge of each connected part, and the edges of its holes."""
    # OpenCV goes through the middles of pixels. Of half as large ones, each lies beside one corner.
    halves = np.pad(inside.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1), 2)
    contours, tree = cv2.findContours(halves, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = [_along_edges(contour[:, 0].astype(np.int64) - 2) for contour in contours]
    above = [int(links[3]) for links in tree[0]] if rings else []
    return [
        (ring, [rings[hole] for hole, parent in enumerate(above) if parent == number])
        for number, ring in enumerate(rings)
        if above[number] < 0
    ]


def _along_edges(halves: _Ring) -> _Ring:
    """Returns the corners that a contour of half pixels goes along, the topmost left one first."""
    corners = (halves + 1) // 2
    corners = corners[(corners != np.roll(corners, 1, axis=0)).any(axis=1)]
    first = int(np.lexsort(corners.T)[0])
    return np.roll(corners, -first, axis=0)


def _outline_part(outer: _Ring, holes: Sequence[_Ring]) -> NDArray[np.float64]:
    exact = _without_straight(_join(outer, holes)).astype(np.float64)
    if holes:
        return exact
    middles = (outer + np.roll(outer, -1, axis=0)).astype(np.int32)  # times two
    smooth = cv2.approxPolyDP(middles[:, None], 2 * _REACH, True)[:, 0] / 2
    return smooth if _covers_the_same(smooth, exact) and len(smooth) < len(exact) else exact


def _join(outer: _Ring, holes: Sequence[_Ring]) -> _Ring:
    """Returns one ring: from the outer edge to each hole, around it, and back.

    The way goes left from the leftmost corner of a hole. Holes further left come first, so that the
    way ends on the outer edge, or on a hole that is joined already.
    """
    joined = outer
    turned = [np.roll(hole, -int(np.lexsort(hole.T[::-1])[0]), axis=0) for hole in holes]
    for hole in sorted(turned, key=lambda ring: tuple(ring[0])):
        x, y = hole[0]
        (places,) = np.nonzero((joined[:, 1] == y) & (joined[:, 0] <= x))
        place = int(places[np.argmax(joined[places, 0])])
        joined = np.concatenate(
            [joined[: place + 1], hole, hole[:1], joined[place : place + 1], joined[place + 1 :]]
        )
    return joined


def _without_straight(ring: _Ring) -> _Ring:
    """Returns the corners of a ring at which it turns."""
    ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    came, goes = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turns = (np.sign(came) != np.sign(goes)).any(axis=1)
    return np.asarray(ring[turns], np.int64)


def _covers_the_same(smooth: NDArray[np.float64], exact: NDArray[np.float64]) -> bool:
    if len(smooth) < 3:
        return False
    low, high = exact.min(axis=0), exact.max(axis=0)
    width, height = (int(side) for side in high - low)
    one, other = (fill_polygons([ring - low], height, width) for ring in (smooth, exact))
    return bool((one & other).sum() >= _LEAST_IOU * (one | other).sum())
