"""Finding the capsules in a picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.picture import Picture


@dataclass(frozen=True)
class CapsuleBox:
    """The rotated box around a capsule, in native pixels of its picture.

    Coordinates are continuous: a pixel covers [i, i + 1), so a picture of W pixels spans [0, W].

    Attributes:
        x: Centre of the box, from the left.
        y: Centre of the box, from the top.
        length: Side along the capsule's long axis, in pixels.
        width: Side across the long axis, in pixels.
        angle: Direction from the dark end to the light end, in degrees clockwise from rightwards,
            in (-180, 180].
        area: Area of the capsule in square pixels.
        is_cut: Whether the capsule reaches the picture's border, so that part of it may be missing.
    """

    x: float
    y: float
    length: float
    width: float
    angle: float
    area: float
    is_cut: bool = False

    @classmethod
    def of_whole(cls, picture: Picture) -> "CapsuleBox":
        """Returns the box of a whole picture [H, W, 3]: its length is W, its angle 0."""
        height, width = (float(side) for side in picture.shape[:2])
        return cls(width / 2, height / 2, width, height, 0.0, width * height)


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
    return [_measure(mask, contour) for area, mask, contour in filled if area >= least]


def _measure(mask: NDArray[np.uint8], contour: NDArray[Any]) -> Component:
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


_MIN_CONTRAST = 18.0
"""Least mean colour distance between capsule and background, in grey levels of 255."""
_MIN_EDGE = 0.3
"""Least share of that contrast within a few pixels of the outline: MVTec's capsules have 0.43 to
0.51, linear and radial gradients 0.08 to 0.12."""
_MIN_STADIUM_IOU = 0.75
"""Least IoU with the stadium fitted to the component: MVTec's squeezed capsules have at least 0.87,
drawn ones 0.79."""
_MIN_ASPECT, _MAX_ASPECT = 1.5, 5.0
"""Length over width; capsules of sizes 000 to 5 lie between 1.9 and 3.2."""
_BAND = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
"""Reach of the bands on both sides of an outline that are compared: 4 pixels of the small copy."""
_GAP = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
"""Gap between the outline and the outer band: 2 pixels, over which a soft edge fades."""


def is_capsule(component: Component, distance: NDArray[np.float32]) -> bool:
    """Returns whether a component has the shape of a capsule and a sharp outline.

    Args:
        component: The component.
        distance: float32 [h, w], colour distance of each pixel to the background, in grey levels;
            in the size of the component's mask.
    """
    aspect = component.length / max(component.width, 1e-6)
    return (
        _MIN_ASPECT <= aspect <= _MAX_ASPECT
        and _edge_is_sharp(component.mask, distance)
        and _stadium_iou(component) >= _MIN_STADIUM_IOU
    )


def _edge_is_sharp(component: NDArray[np.uint8], distance: NDArray[np.float32]) -> bool:
    """Returns whether the contrast of a component is at its outline, unlike that of a gradient."""
    inside = component > 0
    # The border of the picture is not an outline: erosion must not start there.
    inner = inside & (cv2.erode(component, _BAND, borderValue=255) == 0)
    grown = cv2.dilate(component, _GAP)
    outer = (cv2.dilate(component, _BAND) > 0) & (grown == 0)
    if not outer.any() or inside.all():
        return False
    contrast = float(distance[inside].mean() - distance[~inside].mean())
    step = float(distance[inner].mean() - distance[outer].mean())
    return contrast >= _MIN_CONTRAST and step >= _MIN_EDGE * contrast


def _stadium_iou(component: Component) -> float:
    """Returns the IoU of a component and the stadium (a rectangle with round ends) in its box."""
    # The stadium lies within half its length of the centre.
    reach, (x, y) = math.ceil(component.length / 2) + 1, component.centre
    left, top = max(0, int(x) - reach), max(0, int(y) - reach)
    window = (slice(top, int(y) + reach + 1), slice(left, int(x) + reach + 1))
    inside = component.mask[window] > 0
    along, across = component.coordinates(left, top, inside.shape)
    beyond = np.maximum(np.abs(along) - (component.length - component.width) / 2, 0)
    stadium = beyond**2 + across**2 <= component.width**2 / 4
    return float((stadium & inside).sum() / (stadium | inside).sum())


_WORKING_SIDE = 250
"""Longer side of the small copy, in pixels: enough for all 351 MVTec capsule pictures."""


def find_capsules(picture: Picture) -> tuple[CapsuleBox, ...]:
    """Finds all capsules of a picture, at any position and angle.

    Args:
        picture: uint8 RGB, [H, W, 3].

    Returns:
        One box per capsule, in reading order; empty if there is none.
    """
    small, scale = _shrink(picture)
    distance = _distance_to_background(small)
    boxes = [
        _box(component, small, scale)
        for component in find_components(distance)
        if is_capsule(component, distance)
    ]
    return tuple(_in_reading_order(boxes))


def _in_reading_order(boxes: list[CapsuleBox]) -> list[CapsuleBox]:
    """Sorts boxes by row (as high as a capsule is wide), then from left to right."""
    ordered: list[CapsuleBox] = []
    rest = sorted(boxes, key=lambda box: box.y)
    while rest:
        row = [box for box in rest if box.y < rest[0].y + rest[0].width]
        ordered += sorted(row, key=lambda box: box.x)
        rest = rest[len(row) :]
    return ordered


def _shrink(picture: Picture) -> tuple[Picture, float]:
    """Returns the small copy, and the number of native pixels per pixel of it."""
    scale = max(1.0, max(picture.shape[:2]) / _WORKING_SIDE)
    size = (max(1, round(picture.shape[1] / scale)), max(1, round(picture.shape[0] / scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _distance_to_background(small: Picture) -> NDArray[np.float32]:
    """Returns the RMS difference over RGB between each pixel and the median of the border."""
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    background = np.median(border, axis=0).astype(np.float32)
    # Channel by channel: NumPy is several times slower over an axis of three values.
    planes = zip(cv2.split(small), background, strict=True)
    squares = [(plane - level) ** 2 for plane, level in planes]
    return np.asarray(np.sqrt(sum(squares) / 3), np.float32)


def _box(component: Component, small: Picture, scale: float) -> CapsuleBox:
    axis = component.axis * _towards_light(component, small)
    angle = math.degrees(math.atan2(axis[1], axis[0]))
    mask = component.mask
    return CapsuleBox(
        x=float(component.centre[0]) * scale,
        y=float(component.centre[1]) * scale,
        length=component.length * scale,
        width=component.width * scale,
        angle=180.0 if angle <= -180.0 else angle,
        area=float(np.count_nonzero(mask)) * scale * scale,
        is_cut=any(edge.any() for edge in (mask[[0, -1]], mask[:, [0, -1]])),
    )


def _towards_light(component: Component, small: Picture) -> int:
    """Returns 1 if the axis points from the darker half to the lighter half, else -1."""
    x, y, width, height = component.bounds
    window = (slice(y, y + height), slice(x, x + width))
    inside = component.mask[window] > 0
    along, _ = component.coordinates(x, y, inside.shape)
    halves = (inside & (along > 0), inside & (along <= 0))
    ahead, behind = (sum(cv2.mean(small[window], half.view(np.uint8))) for half in halves)
    return 1 if ahead >= behind else -1
