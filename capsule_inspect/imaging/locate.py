"""Finding the capsules of a picture.

Colour distance to the border's median colour, Otsu's threshold and the connected components of a
small copy of the picture give candidates; a candidate is a capsule when it is shaped like one and
its outline is a step, which a gradient or noise is not.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.read import Picture

_WORKING_SIDE = 250
"""Longer side of the copy that is searched, in pixels: enough on all 351 MVTec capsule pictures."""
_LEAST_AREA = 0.004
"""Smallest share of the picture that can be a capsule: below it the crop would be mostly blur."""
_LEAST_OF_LARGEST = 0.25
"""Capsules of one picture are of one kind: smaller components are dust and debris."""
_LEAST_CONTRAST = 18.0
"""Least mean colour distance between capsule and ground, in grey levels of 255."""
_LEAST_EDGE = 0.3
"""Least share of that contrast that falls within a few pixels of the outline: MVTec's capsules
reach 0.43 to 0.51, linear and radial gradients 0.08 to 0.12."""
_LEAST_STADIUM_IOU = 0.75
"""Least overlap with the stadium fitted to the component: MVTec's squeezed capsules reach 0.87, the
worst of the drawn ones 0.79."""
_ASPECT_RANGE = (1.5, 5.0)
"""Length over width; capsules of sizes 000 to 5 lie between 1.9 and 3.2."""

Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class CapsuleBox:
    """Where a capsule lies, in native pixels of its picture.

    Coordinates are continuous: a pixel covers [i, i + 1), so the picture spans [0, width].

    Attributes:
        x: Centre of the box, rightwards.
        y: Centre of the box, downwards.
        width: Side along the capsule's long axis.
        height: Side across it.
        angle: Direction from the dark end to the light end, in degrees clockwise from rightwards,
            in (-180, 180].
        area: Area of the capsule in square pixels.
        is_cut: The capsule reaches the picture's border, so that a part of it may be missing.
    """

    x: float
    y: float
    width: float
    height: float
    angle: float
    area: float
    is_cut: bool = False


def find_capsules(picture: Picture) -> tuple[CapsuleBox, ...]:
    """Finds every capsule of a picture, at any position and angle.

    Args:
        picture: uint8 RGB, [H, W, 3].

    Returns:
        One box per capsule, row by row, each row from left to right; empty if there is none.
    """
    small, scale = _shrink(picture)
    distance = _distance_to_ground(small)
    boxes = [
        _box(component, small, scale)
        for component in _components(distance)
        if _is_capsule(component, distance)
    ]
    return tuple(_in_reading_order(boxes))


def _in_reading_order(boxes: list[CapsuleBox]) -> list[CapsuleBox]:
    """Sorts by rows, which are as high as a capsule is wide, then from left to right."""
    ordered: list[CapsuleBox] = []
    rest = sorted(boxes, key=lambda box: box.y)
    while rest:
        row = [box for box in rest if box.y < rest[0].y + rest[0].height]
        ordered += sorted(row, key=lambda box: box.x)
        rest = rest[len(row) :]
    return ordered


def _shrink(picture: Picture) -> tuple[Picture, float]:
    """Returns a copy whose longer side is the working side, and native pixels per pixel of it."""
    scale = max(1.0, max(picture.shape[:2]) / _WORKING_SIDE)
    size = (max(1, round(picture.shape[1] / scale)), max(1, round(picture.shape[0] / scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _distance_to_ground(small: Picture) -> NDArray[np.float32]:
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    ground = np.median(border, axis=0).astype(np.float32)
    distance = np.linalg.norm(small.astype(np.float32) - ground, axis=2) / math.sqrt(3)
    return np.asarray(distance, np.float32)


def _components(distance: NDArray[np.float32]) -> list[Mask]:
    """Splits the pixels far from the ground into filled components, largest first."""
    grey = np.minimum(distance, 255).astype(np.uint8)
    _, mask = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = []
    for contour in contours:
        component = np.zeros_like(grey)
        cv2.drawContours(component, [contour], -1, 255, cv2.FILLED)
        filled.append((int(np.count_nonzero(component)), component))
    largest = max((area for area, _ in filled), default=0)
    least = max(_LEAST_AREA * grey.size, _LEAST_OF_LARGEST * largest)
    return [component for area, component in filled if area >= least]


def _is_capsule(component: Mask, distance: NDArray[np.float32]) -> bool:
    centre, axis, length, width = _axes(component)
    if not _ASPECT_RANGE[0] <= length / max(width, 1e-6) <= _ASPECT_RANGE[1]:
        return False
    return _edge_is_sharp(component, distance) and (
        _stadium_iou(component, centre, axis, length, width) >= _LEAST_STADIUM_IOU
    )


def _edge_is_sharp(component: Mask, distance: NDArray[np.float32]) -> bool:
    """Tells whether the contrast of a component stands at its outline rather than builds up."""
    inside = component > 0
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    # The border of the picture is no outline: erosion must not start from it.
    inner = inside & (cv2.erode(component, kernel, borderValue=255) == 0)
    grown = cv2.dilate(component, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    outer = (cv2.dilate(component, kernel) > 0) & (grown == 0)
    if not outer.any() or inside.all():
        return False
    contrast = float(distance[inside].mean() - distance[~inside].mean())
    step = float(distance[inner].mean() - distance[outer].mean())
    return contrast >= _LEAST_CONTRAST and step >= _LEAST_EDGE * contrast


def _axes(component: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Returns centre [2], unit long axis [2], length and width of a component's box."""
    y, x = np.nonzero(component)
    points = np.stack([x, y], axis=1) + 0.5
    _, vectors = np.linalg.eigh(np.cov((points - points.mean(axis=0)).T))
    axis = vectors[:, 1]
    across = np.array([-axis[1], axis[0]])
    along_range, across_range = _extent(points @ axis), _extent(points @ across)
    centre = axis * sum(along_range) / 2 + across * sum(across_range) / 2
    return centre, axis, along_range[1] - along_range[0], across_range[1] - across_range[0]


def _extent(positions: NDArray[np.float64]) -> tuple[float, float]:
    return float(positions.min()) - 0.5, float(positions.max()) + 0.5


def _stadium_iou(
    component: Mask,
    centre: NDArray[np.float64],
    axis: NDArray[np.float64],
    length: float,
    width: float,
) -> float:
    """Overlap of a component with the stadium (a rectangle with round ends) of its box."""
    height, breadth = component.shape
    x, y = np.meshgrid(np.arange(breadth) + 0.5 - centre[0], np.arange(height) + 0.5 - centre[1])
    along = np.maximum(np.abs(x * axis[0] + y * axis[1]) - (length - width) / 2, 0)
    stadium = np.hypot(along, y * axis[0] - x * axis[1]) <= width / 2
    inside = component > 0
    return float((stadium & inside).sum() / (stadium | inside).sum())


def _box(component: Mask, small: Picture, scale: float) -> CapsuleBox:
    centre, axis, length, width = _axes(component)
    axis = axis * _towards_light(component, small, centre, axis)
    angle = math.degrees(math.atan2(axis[1], axis[0]))
    return CapsuleBox(
        x=float(centre[0]) * scale,
        y=float(centre[1]) * scale,
        width=length * scale,
        height=width * scale,
        angle=180.0 if angle <= -180.0 else angle,
        area=float(np.count_nonzero(component)) * scale * scale,
        is_cut=any(edge.any() for edge in (component[[0, -1]], component[:, [0, -1]])),
    )


def _towards_light(
    component: Mask, small: Picture, centre: NDArray[np.float64], axis: NDArray[np.float64]
) -> int:
    """Returns 1 if the axis points from the darker half to the lighter one, else -1."""
    y, x = np.nonzero(component)
    grey = small[y, x].astype(np.float64).mean(axis=1)
    ahead = (x + 0.5 - centre[0]) * axis[0] + (y + 0.5 - centre[1]) * axis[1] > 0
    return 1 if grey[ahead].mean() >= grey[~ahead].mean() else -1
