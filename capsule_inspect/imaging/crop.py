"""Cropping a picture to the model's window, and mapping results back."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.affine import bounds, for_pixel_centres
from capsule_inspect.imaging.find_capsules import CapsuleBox, find_objects
from capsule_inspect.imaging.neighbours import Neighbours, Scene
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.roi import Roi

_MAX_SUPERSAMPLING = 8
"""Most samples per window pixel and axis. For a window of 480 x 192 pixels, the oversampled copy
then takes 18 MB, and capsules up to 3400 px long lose no detail."""


@dataclass(frozen=True)
class Crop:
    """A window of a picture: one capsule in standard pose, or the whole picture, stretched or not.

    Attributes:
        box: The box that the window shows, in native pixels.
        roi: Size of the window, in pixels.
        matrix: float64 [2, 3], affine map from native to window coordinates. Both are continuous: a
            pixel covers [i, i + 1).
        neighbours: The other objects around the capsule; None if the picture has no other.
    """

    box: CapsuleBox
    roi: Roi
    matrix: NDArray[np.float64]
    neighbours: Neighbours | None = None

    @property
    def scales(self) -> tuple[float, float]:
        """Window pixels per native pixel, along the window's width and along its height."""
        along, down = (float(math.hypot(a, b)) for a, b in self.matrix[:, :2])
        return along, down

    def take(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Cuts the window out of a picture or mask; shrinks by averaging over areas.

        What belongs to another object is painted over: in a picture with the ground around it, in
        a mask with 0.

        Args:
            picture: uint8, [H, W, 3] or [H, W].

        Returns:
            uint8, [roi.height, roi.width, 3] or [roi.height, roi.width]. Outside the picture, its
            border pixels are repeated.
        """
        # A bilinear warp at about native scale, then an exact mean over n by m pixels.
        n, m = (min(max(1, round(1 / each)), _MAX_SUPERSAMPLING) for each in self.scales)
        warped = cv2.warpAffine(
            picture,
            for_pixel_centres(self.matrix * np.array([[n], [m]])),
            (self.roi.width * n, self.roi.height * m),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if n > 1 or m > 1:
            window = (self.roi.width, self.roi.height)
            warped = cv2.resize(warped, window, interpolation=cv2.INTER_AREA)
        cut = np.asarray(warped, np.uint8)
        return cut if self.neighbours is None else self.neighbours.paint(cut, self.matrix)

    def bounds(self, picture: Picture, margin: float = 0.0) -> tuple[slice, slice]:
        """Returns the rows and columns of a picture that the window touches; at least one each.

        Args:
            picture: The picture.
            margin: Pixels of the window to add on every side of it.
        """
        return bounds(self.matrix, (self.roi.height, self.roi.width), picture.shape, margin)

    def within(self, rows: slice, columns: slice) -> "Crop":
        """Returns the same window of a part of the picture.

        Args:
            rows: The part's rows in the picture.
            columns: Its columns.
        """
        origin = np.array([columns.start, rows.start], np.float64)
        matrix = self.matrix.copy()
        matrix[:, 2] += self.matrix[:, :2] @ origin
        box = replace(self.box, x=self.box.x - columns.start, y=self.box.y - rows.start)
        neighbours = None if self.neighbours is None else self.neighbours.within(origin)
        return replace(self, box=box, matrix=matrix, neighbours=neighbours)

    def without_neighbours(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns a copy of a mask of the picture, 0 or 255, with 0 where others are nearer."""
        own: NDArray[np.uint8] = mask.copy()
        if self.neighbours is not None:
            own[self.neighbours.paint(mask, np.eye(2, 3)) < 128] = 0
        return own

    @property
    def gap(self) -> float | None:
        """Distance to the nearest object in the window, in native pixels; None without one."""
        if self.neighbours is None:
            return None
        gap = self.neighbours.gap((self.roi.height, self.roi.width), self.matrix)
        return None if gap is None else gap / self.scales[0]

    @property
    def safe_gap(self) -> float:
        """The gap to another object, in native pixels, that leaves the capsule's edge unharmed."""
        if self.neighbours is None:
            return 0.0
        return self.neighbours.safe_gap(self.matrix) / self.scales[0]

    def restore(self, values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
        """Maps values of the window, such as probabilities, back to native pixels.

        Args:
            values: float32 [h, w], the whole window at any resolution; any range of values.
            height: Height of the picture in pixels.
            width: Width of the picture in pixels.

        Returns:
            float32 [height, width], interpolated linearly; 0 outside the window.
        """
        shrink = np.diag([values.shape[1] / self.roi.width, values.shape[0] / self.roi.height])
        back = np.asarray(cv2.invertAffineTransform(shrink @ self.matrix), np.float64)
        restored = cv2.warpAffine(
            values,
            for_pixel_centres(back),
            (width, height),
            flags=cv2.INTER_LINEAR,
            # Beyond the centres of the outermost values, these values count as they are.
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(cv2.copyTo(restored, self._covers(height, width)), np.float32)

    def _covers(self, height: int, width: int) -> NDArray[np.uint8]:
        """Tells which native pixels have their centres in the window: uint8 [height, width]."""
        back = np.asarray(cv2.invertAffineTransform(self.matrix), np.float64)
        window = np.ones((self.roi.height, self.roi.width), np.uint8)
        inside = cv2.warpAffine(
            window, for_pixel_centres(back), (width, height), flags=cv2.INTER_NEAREST
        )
        return np.asarray(inside, np.uint8)


def find_crops(picture: Picture, roi: Roi) -> tuple[Crop, ...]:
    """Finds the windows of a picture: one per capsule, or one for the whole picture.

    Args:
        picture: uint8 RGB, [H, W, 3].
        roi: The mode, and the size of the window.

    Returns:
        The crops in reading order; empty if there is no capsule.

    Example:
        >>> picture = np.full((300, 400, 3), 230, np.uint8)
        >>> picture[100:180, 100:300] = 60  # a dark capsule, without its round ends
        >>> roi = Roi(mode="capsule", width=480, height=192, capsule_length=428)
        >>> (crop,) = find_crops(picture, roi)
        >>> window = crop.take(picture)
        >>> window.shape
        (192, 480, 3)
        >>> dark = (window[:, :, 0] < 128).astype(np.float32)
        >>> native = crop.restore(dark, height=300, width=400) >= 0.5
        >>> bool((native == (picture[:, :, 0] == 60)).all())
        True
    """
    if roi.mode == "whole":
        return (_crop_whole(picture, roi),)
    if roi.mode == "stretched":
        return (_crop_stretched(picture, roi),)
    found = find_objects(picture)
    crops = tuple(crop_capsule(box, roi) for box, _ in found.capsules)
    if not crops or len(found.components) == 1:
        return crops
    scene = Scene.of(found, picture)
    return tuple(
        replace(crop, neighbours=Neighbours(scene, own=index + 1))
        for crop, (_, index) in zip(crops, found.capsules, strict=True)
    )


def crop_capsule(box: CapsuleBox, roi: Roi) -> Crop:
    """Returns the window of one capsule in standard pose: horizontal, dark half left.

    Args:
        box: The capsule, in native pixels.
        roi: Size of the window, and the capsule's length in it, in pixels.
    """
    return Crop(box, roi, _similarity(box, roi.capsule_length / box.length, roi))


def compose(change: NDArray[np.float64], crop: Crop) -> Crop:
    """Returns a window with another view of the same capsule.

    Args:
        change: float64 [2, 3], affine map of continuous window coordinates.
        crop: The window.
    """
    linear, shift = change[:, :2], change[:, 2:]
    matrix = linear @ crop.matrix
    matrix[:, 2:] += shift
    return replace(crop, matrix=matrix)


def _crop_whole(picture: Picture, roi: Roi) -> Crop:
    box = CapsuleBox.of_whole(picture)
    scale = min(roi.width / box.length, roi.height / box.width)
    return Crop(box, roi, _similarity(box, scale, roi))


def _crop_stretched(picture: Picture, roi: Roi) -> Crop:
    box = CapsuleBox.of_whole(picture)
    across, down = roi.width / box.length, roi.height / box.width
    return Crop(box, roi, np.array([[across, 0.0, 0.0], [0.0, down, 0.0]]))


def _similarity(box: CapsuleBox, scale: float, roi: Roi) -> NDArray[np.float64]:
    """Returns the map that centres the box in the window, turns its long axis right, and scales."""
    turn = math.radians(-box.angle)
    a, b = scale * math.cos(turn), scale * math.sin(turn)
    return np.array(
        [
            [a, -b, roi.width / 2 - a * box.x + b * box.y],
            [b, a, roi.height / 2 - b * box.x - a * box.y],
        ]
    )
