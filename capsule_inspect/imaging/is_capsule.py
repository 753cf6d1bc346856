"""Telling capsules from what else stands out of the ground."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.component import Component

_MIN_CONTRAST = 18.0
"""Least mean colour distance between capsule and ground, in grey levels of 255."""
_MIN_EDGE = 0.3
"""Least share of that contrast that falls within a few pixels of the outline: MVTec's capsules
reach 0.43 to 0.51, linear and radial gradients 0.08 to 0.12."""
_MIN_STADIUM_IOU = 0.75
"""Least overlap with the stadium fitted to the component: MVTec's squeezed capsules reach 0.87, the
worst of the drawn ones 0.79."""
_MIN_ASPECT, _MAX_ASPECT = 1.5, 5.0
"""Length over width; capsules of sizes 000 to 5 lie between 1.9 and 3.2."""
_BAND = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
"""The bands on both sides of an outline, which are compared, reach 4 pixels of the small copy."""
_GAP = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
"""The outer one leaves out the 2 pixels next to the outline, over which a soft edge fades."""


def is_capsule(component: Component, distance: NDArray[np.float32]) -> bool:
    """Tells whether a component is shaped like a capsule and has an outline.

    Args:
        component: What stands out of the ground.
        distance: float32 [h, w], how far each pixel's colour is from the ground's, in grey levels;
            of the size of the component's mask.
    """
    aspect = component.length / max(component.width, 1e-6)
    return (
        _MIN_ASPECT <= aspect <= _MAX_ASPECT
        and _edge_is_sharp(component.mask, distance)
        and _stadium_iou(component) >= _MIN_STADIUM_IOU
    )


def _edge_is_sharp(component: NDArray[np.uint8], distance: NDArray[np.float32]) -> bool:
    """Tells whether the contrast of a component stands at its outline rather than builds up."""
    inside = component > 0
    # The border of the picture is no outline: erosion must not start from it.
    inner = inside & (cv2.erode(component, _BAND, borderValue=255) == 0)
    grown = cv2.dilate(component, _GAP)
    outer = (cv2.dilate(component, _BAND) > 0) & (grown == 0)
    if not outer.any() or inside.all():
        return False
    contrast = float(distance[inside].mean() - distance[~inside].mean())
    step = float(distance[inner].mean() - distance[outer].mean())
    return contrast >= _MIN_CONTRAST and step >= _MIN_EDGE * contrast


def _stadium_iou(component: Component) -> float:
    """Overlap of a component with the stadium (a rectangle with round ends) of its box."""
    # Nothing of the stadium is farther from the centre than half the length.
    reach, (x, y) = math.ceil(component.length / 2) + 1, component.centre
    left, top = max(0, int(x) - reach), max(0, int(y) - reach)
    window = (slice(top, int(y) + reach + 1), slice(left, int(x) + reach + 1))
    inside = component.mask[window] > 0
    along, across = component.coordinates(left, top, inside.shape)
    beyond = np.maximum(np.abs(along) - (component.length - component.width) / 2, 0)
    stadium = beyond**2 + across**2 <= component.width**2 / 4
    return float((stadium & inside).sum() / (stadium | inside).sum())
