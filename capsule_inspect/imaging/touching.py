"""Touching capsules: cutting a component that holds several."""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.components import Component, measure_component

_MIN_DEPTH = 3.0
"""Least depth of a notch, in pixels of the small copy; the joint of one capsule makes shallower."""
_MOST_NOTCHES = 6
"""The deepest are tried in pairs."""
_MIN_OF_LARGEST = 0.5
"""Least area as a share of the largest part's: capsules that lie together are of one kind."""
_CRUMB = 0.05
"""Parts below this share of the area are crumbs of the cut."""


def separate(component: Component, fits: Callable[[Component], bool]) -> list[Component]:
    """Cuts a component between two notches of its outline, again and again.

    Round ends that touch leave a notch on either side of where they meet.

    Args:
        component: The component, which does not fit.
        fits: Whether a part is one capsule.

    Returns:
        The parts, at least two; all of them fit. Empty if there is no such cut.
    """
    for parts in _cuts(component):
        found = [[part] if fits(part) else None for part in parts]
        if len(parts) < 2 or not any(found):
            continue  # it freed no capsule
        separated = [each or separate(part, fits) for part, each in zip(parts, found, strict=True)]
        capsules = [part for each in separated for part in each]
        if all(separated) and _are_alike(capsules):
            return capsules
    return []


def _are_alike(capsules: list[Component]) -> bool:
    areas = [np.count_nonzero(each.mask) for each in capsules]
    return bool(min(areas) >= _MIN_OF_LARGEST * max(areas))


def _cuts(component: Component) -> Iterator[list[Component]]:
    """Yields the parts that each cut leaves, the shortest cut first."""
    pairs = combinations(_find_notches(component.mask), 2)
    for start, end in sorted(pairs, key=lambda pair: float(np.hypot(*(pair[0] - pair[1])))):
        cut = component.mask.copy()
        cv2.line(cut, start.tolist(), end.tolist(), 0)
        yield _split(cut)


def _find_notches(mask: NDArray[np.uint8]) -> list[NDArray[np.int32]]:
    """Returns the bottoms of the deepest notches, x and y."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    hull = np.sort(cv2.convexHull(contour, returnPoints=False), axis=0)[::-1]
    # Of a convex outline OpenCV returns None. Its versions differ in the shape of the result.
    found: Any = cv2.convexityDefects(contour, hull) if len(hull) > 2 else None
    defects = np.reshape([] if found is None else found, (-1, 4)).astype(int)
    deepest = sorted(defects, key=lambda each: -each[3])[:_MOST_NOTCHES]
    # OpenCV gives depths in 1/256 of a pixel.
    return [contour[far, 0] for _, _, far, depth in deepest if depth >= 256 * _MIN_DEPTH]


def _split(mask: NDArray[np.uint8]) -> list[Component]:
    """Returns the connected parts of a mask, without crumbs."""
    least = _CRUMB * np.count_nonzero(mask)
    count, labels = cv2.connectedComponents(mask, connectivity=4)
    parts = []
    for label in range(1, count):
        part = np.where(labels == label, np.uint8(255), np.uint8(0))
        if np.count_nonzero(part) >= least:
            contours, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            parts.append(measure_component(part, max(contours, key=cv2.contourArea)))
    return parts
