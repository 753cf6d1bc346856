"""Finding the capsules in a picture."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.components import Component, find_components
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.touching import separate


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


_MIN_CONTRAST = 18.0
"""Least mean colour distance between capsule and background, in grey levels of 255."""
_MIN_EDGE = 0.3
"""Least share of that contrast within a few pixels of the outline: MVTec's capsules have 0.43 to
0.51, linear and radial gradients 0.08 to 0.12."""
_MIN_STADIUM_IOU = 0.75
"""Least IoU with the stadium fitted to the component: MVTec's squeezed capsules have at least 0.87,
drawn ones 0.79."""
_MIN_PART_IOU = 0.85
"""The same for a capsule that is cut from another: any shape can be cut into rough stadia."""
_MIN_ASPECT, _MAX_ASPECT = 1.7, 5.0
"""Length over width; capsules of sizes 000 to 5 lie between 1.9 and 3.2. Two that lie side by side
and touch have half that."""
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
    return _edge_is_sharp(component.mask, distance) and _has_shape(component)


def _has_shape(component: Component, least_iou: float = _MIN_STADIUM_IOU) -> bool:
    in_range = _MIN_ASPECT <= _aspect(component) <= _MAX_ASPECT
    return in_range and _stadium_iou(component) >= least_iou


def _is_part(component: Component) -> bool:
    return _has_shape(component, _MIN_PART_IOU)


def _aspect(component: Component) -> float:
    return component.length / max(component.width, 1e-6)


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


@dataclass(frozen=True)
class FoundObjects:
    """The large objects of a picture, capsules or not.

    Attributes:
        small: The small copy that was searched, uint8 RGB [h, w, 3].
        components: All large components of the small copy.
        capsules: The box of each capsule, and the index of its component, in reading order.
    """

    small: Picture
    components: tuple[Component, ...]
    capsules: tuple[tuple[CapsuleBox, int], ...]


def find_objects(picture: Picture) -> FoundObjects:
    """Finds the large objects of a picture, and which of them are capsules.

    Args:
        picture: uint8 RGB, [H, W, 3].
    """
    small, scale = _shrink(picture)
    distance = _distance_to_background(small)
    components: list[Component] = []
    capsules: list[tuple[CapsuleBox, int]] = []
    for component in find_components(distance):
        parts = _find_parts(component, distance)
        for index, part in enumerate(parts, start=len(components)):
            capsules.append((_box(part, small, scale), index))
        components += parts or [component]
    return FoundObjects(small, tuple(components), tuple(_in_reading_order(capsules)))


def _find_parts(component: Component, distance: NDArray[np.float32]) -> list[Component]:
    """Returns the capsules of a component: itself, or some that touch; none if it is no capsule."""
    if not _edge_is_sharp(component.mask, distance):
        return []
    one = [component] if _has_shape(component) else []
    if one and _aspect(component) < 2 * _MIN_ASPECT:
        return one
    return separate(component, _is_part) or one  # two may lie end to end


def find_capsules(picture: Picture) -> tuple[CapsuleBox, ...]:
    """Finds all capsules of a picture, at any position and angle.

    Args:
        picture: uint8 RGB, [H, W, 3].

    Returns:
        One box per capsule, in reading order; empty if there is none.
    """
    return tuple(box for box, _ in find_objects(picture).capsules)


def _in_reading_order(capsules: list[tuple[CapsuleBox, int]]) -> list[tuple[CapsuleBox, int]]:
    """Sorts boxes by row (as high as a capsule is wide), then from left to right."""
    ordered: list[tuple[CapsuleBox, int]] = []
    rest = sorted(capsules, key=lambda each: each[0].y)
    while rest:
        first, _ = rest[0]
        row = [each for each in rest if each[0].y < first.y + first.width]
        ordered += sorted(row, key=lambda each: each[0].x)
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


def shows_another_product(missing: int, pictures: int) -> bool:
    """Tells whether so few of many pictures show a capsule that they show something else.

    Args:
        missing: Number of pictures on which no capsule is found.
        pictures: Number of pictures.
    """
    return 2 * missing > pictures
