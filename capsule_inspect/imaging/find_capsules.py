"""Finding the capsules of a picture.

Colour distance to the border's median colour, Otsu's threshold and the connected components of a
small copy of the picture give candidates; a candidate is a capsule when it is shaped like one and
its outline is a step, which a gradient or noise is not.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.capsule_box import CapsuleBox
from capsule_inspect.imaging.component import Component, find_components
from capsule_inspect.imaging.is_capsule import is_capsule
from capsule_inspect.imaging.picture import Picture

_WORKING_SIDE = 250
"""Longer side of the copy that is searched, in pixels: enough on all 351 MVTec capsule pictures."""


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
        for component in find_components(distance)
        if is_capsule(component, distance)
    ]
    return tuple(_in_reading_order(boxes))


def _in_reading_order(boxes: list[CapsuleBox]) -> list[CapsuleBox]:
    """Sorts by rows, which are as high as a capsule is wide, then from left to right."""
    ordered: list[CapsuleBox] = []
    rest = sorted(boxes, key=lambda box: box.y)
    while rest:
        row = [box for box in rest if box.y < rest[0].y + rest[0].width]
        ordered += sorted(row, key=lambda box: box.x)
        rest = rest[len(row) :]
    return ordered


def _shrink(picture: Picture) -> tuple[Picture, float]:
    """Returns a copy whose longer side is the working side, and native pixels per pixel of it."""
    scale = max(1.0, max(picture.shape[:2]) / _WORKING_SIDE)
    size = (max(1, round(picture.shape[1] / scale)), max(1, round(picture.shape[0] / scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _distance_to_ground(small: Picture) -> NDArray[np.float32]:
    """Returns the root mean square over RGB of each pixel's distance to the border's median."""
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    ground = np.median(border, axis=0).astype(np.float32)
    # Channel by channel: NumPy is several times slower over three values at a time.
    squares = [(plane - level) ** 2 for plane, level in zip(cv2.split(small), ground, strict=True)]
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
    """Returns 1 if the axis points from the darker half to the lighter one, else -1."""
    x, y, width, height = component.bounds
    window = (slice(y, y + height), slice(x, x + width))
    inside = component.mask[window] > 0
    along, _ = component.coordinates(x, y, inside.shape)
    halves = (inside & (along > 0), inside & (along <= 0))
    ahead, behind = (sum(cv2.mean(small[window], half.view(np.uint8))) for half in halves)
    return 1 if ahead >= behind else -1
