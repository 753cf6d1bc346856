"""Regions that annotations draw on a picture: what every such format says in its own way."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from capsule_inspect.choices import GOOD
from capsule_inspect.dataset.layouts.discovery import FoundPicture, MakeMask
from capsule_inspect.dataset.layouts.sound_class import means_good
from capsule_inspect.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from capsule_inspect.imaging.polygons import Polygon

_CORNERS_OF_ELLIPSE: Final = 64


@dataclass(frozen=True)
class Region:
    """A region of a picture.

    Attributes:
        label: Its class.
        fill: Makes its mask; None for a box, which does not say which pixels are defect.
        area: Its area, to tell the largest from others.
    """

    label: str
    fill: MakeMask | None
    area: float = 0.0


def outlined(polygons: "Sequence[Polygon]") -> MakeMask:
    """Returns what makes the mask of polygons."""

    def fill(height: int, width: int) -> "NDArray[np.bool_]":
        from capsule_inspect.imaging.polygons import fill_polygons  # NumPy; --help needs none

        return fill_polygons(polygons, height, width)

    return fill


def outlined_in_shares(polygon: "Polygon") -> MakeMask:
    """Returns what makes the mask of a polygon whose places are shares of the picture's sides."""
    return partial(_fill_shares, polygon)


def _fill_shares(polygon: "Polygon", height: int, width: int) -> "NDArray[np.bool_]":
    return outlined([[(x * width, y * height) for x, y in polygon]])(height, width)


def ellipse(
    centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0
) -> list[tuple[float, float]]:
    """Returns the corners of an ellipse in pixels.

    Args:
        centre: x and y.
        radii: Along its own two axes.
        degrees: By how much it is turned around its centre, clockwise on the screen.
    """
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = []
    for corner in range(_CORNERS_OF_ELLIPSE):
        turn = math.tau * corner / _CORNERS_OF_ELLIPSE
        x, y = radii[0] * math.cos(turn), radii[1] * math.sin(turn)
        corners.append((centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos))
    return corners


def paste(
    small: "NDArray[np.bool_]", corner: tuple[int, int], height: int, width: int
) -> "NDArray[np.bool_]":
    """Returns the mask of a picture of which a part is given.

    Args:
        small: bool [h, w], the part.
        corner: x and y of its first pixel.
        height: Of the picture.
        width: Of the picture.

    Raises:
        ValueError: The part reaches beyond the picture.
    """
    import numpy as np

    (left, top), (rows, columns) = corner, small.shape
    if left < 0 or top < 0 or top + rows > height or left + columns > width:
        raise ValueError("reaches beyond its picture")
    mask = np.zeros((height, width), np.bool_)
    mask[top : top + rows, left : left + columns] = small
    return mask


def area_of(polygon: "Polygon") -> float:
    """Returns the area of a polygon by the shoelace formula."""
    pairs = zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    return math.fabs(sum(a * d - b * c for (a, b), (c, d) in pairs)) / 2


def mixes_boxes(regions: Sequence[Region]) -> bool:
    """Tells whether some regions of a picture say which pixels are defect, and others do not."""
    return len({region.fill is None for region in regions}) > 1


def annotate(
    path: str,
    regions: Sequence[Region],
    split: str = "",
    size: tuple[int, int] | None = None,
    tags: Sequence[str] = (),
) -> FoundPicture:
    """Returns a picture with the classes and the mask of its regions.

    The class that covers most comes first. A picture without regions is good. Where boxes alone
    show where the defects are, there is no mask.

    Args:
        path: POSIX path relative to the root.
        regions: All regions of the picture.
        split: `train`, `val` or `test`, or empty.
        size: Height and width that the picture had when it was annotated; None if not known.
        tags: Classes of the picture as a whole. They count where there are no regions. One that
            means `good` always does, so that the contradiction is told.
    """
    areas: dict[str, float] = defaultdict(float)
    for region in regions:
        areas[region.label] += region.area
    for tag in tags:
        if not regions or means_good(tag):
            areas[tag] += 0.0
    labels = tuple(sorted(areas, key=lambda label: (-areas[label], label))) or (GOOD,)
    fills = list(dict.fromkeys(region.fill for region in regions if region.fill is not None))
    return FoundPicture(path, labels, make_mask=_union(fills, size) if fills else None, split=split)


def _union(fills: Sequence[MakeMask], size: tuple[int, int] | None) -> MakeMask:
    def fill(height: int, width: int) -> "NDArray[np.bool_]":
        if size is not None and size != (height, width):
            raise DataError(
                f"It has {width} x {height} pixels, but had {size[1]} x {size[0]} when it was "
                "annotated. Annotate it as it is now, or put back the picture of that time."
            )
        mask = fills[0](height, width)
        for other in fills[1:]:
            mask |= other(height, width)
        return mask

    return fill
