"""Neighbours: what else lies in a capsule's window, and painting it over with the ground."""

import math
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.affine import bounds, for_pixel_centres
from capsule_inspect.imaging.find_capsules import FoundObjects
from capsule_inspect.imaging.picture import Picture

_REACH = 12.0
"""How far soft edges and shadows reach beyond an outline, in window pixels. The dark part of the
shadow of MVTec's capsules is half as wide."""
_FEATHER = 2.0
"""Width of the soft edge between what is painted and what is not, in window pixels."""
_SOFT_EDGE = 3.0
"""How far the capsule's own edge reaches into the ground, in window pixels; more if enlarged."""

_SAFE_GAP, _SAFE_PIXELS = 6.0, 2.1
"""Least gap between two objects that can be divided safely, in pixels of the window, and of the
small copy. There, a gap counts in whole pixels, and two of them can be little more than one."""


@dataclass(frozen=True)
class Scene:
    """The large objects of a picture.

    Attributes:
        owners: uint16 [h, w], in pixels of the small copy of the picture: 0 on the ground, else 1
            + the index of the object.
        to_native: float64 [2], native pixels per pixel of the small copy, along x and y.
        origin: float64 [2], where a part begins that stands for the picture, in native pixels.
    """

    owners: NDArray[np.uint16]
    to_native: NDArray[np.float64]
    origin: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    @classmethod
    def of(cls, found: FoundObjects, picture: Picture) -> "Scene":
        """Returns the scene of the objects found in a picture."""
        owners = np.zeros(found.small.shape[:2], np.uint16)
        for index, component in enumerate(found.components):
            owners[component.mask > 0] = index + 1
        to_native = [picture.shape[axis] / found.small.shape[axis] for axis in (1, 0)]
        return cls(owners, np.array(to_native))


@dataclass(frozen=True)
class Neighbours:
    """The other objects around one capsule.

    Attributes:
        scene: The objects of the picture.
        own: The value of the capsule in `scene.owners`.
    """

    scene: Scene
    own: int

    def within(self, origin: NDArray[np.float64]) -> "Neighbours":
        """Returns the same objects for a part of the picture.

        Args:
            origin: float64 [2], x and y of the part's first pixel in the picture.
        """
        return replace(self, scene=replace(self.scene, origin=self.scene.origin + origin))

    def paint(self, window: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Paints over what is nearer to another object than to the capsule.

        Args:
            window: uint8, [h, w, 3], painted with the ground; or a mask [h, w], painted with 0.
            matrix: float64 [2, 3], affine map from native to window coordinates. Both are
                continuous: a pixel covers [i, i + 1).

        Returns:
            A painted copy; the same array where no other object is near.
        """
        distances = self._distances(window.shape[:2], matrix)
        if distances is None:
            return window
        own, other = distances
        beyond_middle = (own - other) / (2 * _FEATHER)
        within_reach = (_REACH + _FEATHER - other) / _FEATHER
        share = np.clip(np.minimum(beyond_middle, within_reach), 0, 1)
        if window.ndim == 2:
            return np.asarray(np.rint(window * (1 - share)), np.uint8)
        soft = _SOFT_EDGE * max(1.0, _scale(matrix))
        ground = _spread(window, known=(share == 0) & (own > soft))
        return np.asarray(np.rint(window + share[..., None] * (ground - window)), np.uint8)

    def gap(self, shape: tuple[int, ...], matrix: NDArray[np.float64]) -> float | None:
        """Returns the distance to the nearest object in the window, in window pixels.

        Args:
            shape: Height and width of the window.
            matrix: As for `paint`.

        Returns:
            About 0 if they touch; None if no other object reaches into the window.
        """
        distances = self._distances(shape, matrix)
        if distances is None or not (distances[1] < 0).any():
            return None
        # On the shortest way between the two, and nowhere else, both distances add up to it.
        return max(0.0, float(np.min(np.maximum(distances[0], 0) + np.maximum(distances[1], 0))))

    def safe_gap(self, matrix: NDArray[np.float64]) -> float:
        """Returns the gap that `paint` needs, in window pixels, to divide two objects safely.

        Args:
            matrix: As for `paint`.
        """
        return max(_SAFE_GAP, _SAFE_PIXELS * _scale(self._to_window(matrix)))

    def _distances(
        self, shape: tuple[int, ...], matrix: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Returns the distances to the capsule's outline and to others', negative inside.

        Each is float32 [h, w], in window pixels; None if no other object is near the window.
        """
        to_window = self._to_window(matrix)
        pixel = _scale(to_window)
        part = bounds(to_window, shape, self.scene.owners.shape, _REACH + 2 * pixel)
        owners = self.scene.owners[part]
        others = (owners > 0) & (owners != self.own)
        if not others.any():
            return None
        to_window[:, 2] += to_window[:, :2] @ [part[1].start, part[0].start]
        own, other = (
            _warp(_signed_distance(inside), to_window, shape) * np.float32(pixel)
            for inside in (owners == self.own, others)
        )
        return own, other

    def _to_window(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the map from the small copy to the window."""
        moved = matrix.copy()
        moved[:, 2] -= matrix[:, :2] @ self.scene.origin
        return np.asarray(moved * [*self.scene.to_native, 1], np.float64)


def _scale(matrix: NDArray[np.float64]) -> float:
    """Returns the length in the window of a pixel's side, over both axes."""
    return math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))


def _spread(window: Picture, known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Spreads the known pixels smoothly over the others, from coarse to fine.

    This is the pull-push algorithm (Gortler et al., "The lumigraph", 1996).

    Returns:
        float32 [h, w, 3]; the window itself where nothing is known.
    """
    if not known.any():
        return window.astype(np.float32)
    weights = known.astype(np.float32)
    sums = window * weights[..., None]
    levels = [(sums, weights)]
    while max(weights.shape) > 1:
        size = ((weights.shape[1] + 1) // 2, (weights.shape[0] + 1) // 2)
        sums, weights = (
            np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_AREA), np.float32)
            for each in (sums, weights)
        )
        sums = sums.reshape(*weights.shape, 3)
        levels.append((sums, weights))
    filled = sums
    for sums, weights in reversed(levels):
        size = (weights.shape[1], weights.shape[0])
        coarse = cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR).reshape(sums.shape)
        mean = sums / np.maximum(weights, 1e-6)[..., None]
        filled = np.where(weights[..., None] > 1e-6, mean, coarse).astype(np.float32)
    return filled


def _signed_distance(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Returns the distance of each pixel centre to the outline, negative inside, in pixels."""
    within, without = (
        cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for part in (inside, ~inside)
    )
    # The outline runs between pixels, half a pixel from the nearest centres.
    return np.where(inside, 0.5 - within, without - 0.5).astype(np.float32)


def _warp(
    values: NDArray[np.float32], to_window: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Interpolates values of the small copy at the pixels of a window; repeats them outside."""
    warped = cv2.warpAffine(
        values,
        for_pixel_centres(to_window),
        (shape[1], shape[0]),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(warped, np.float32)
