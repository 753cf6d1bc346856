"""The appearance of a window: colour, size, sharpness, compression and noise."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.blockiness import measure_blockiness
from capsule_inspect.imaging.crop import Crop
from capsule_inspect.imaging.picture import Picture


@dataclass(frozen=True)
class Appearance:
    """Colour, size, sharpness, compression and noise of one capsule's window.

    Attributes:
        red: Mean of the red channel, in grey levels from 0 to 255.
        green: Mean of the green channel.
        blue: Mean of the blue channel.
        length: Length of the capsule, in native pixels.
        sharpness: Variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in
            brightfield microscopy", 2000), in squared grey levels; low if blurred.
        blockiness: Height of the steps at the borders of JPEG's blocks against the differences
            between other neighbours; 0 without blocks.
        noise: Standard deviation of the noise as the network sees it, in grey levels.
    """

    red: float
    green: float
    blue: float
    length: float
    sharpness: float
    blockiness: float
    noise: float


def measure_appearance(picture: Picture, crop: Crop, window: NDArray[np.uint8]) -> Appearance:
    """Measures the appearance of a window.

    Args:
        picture: uint8 RGB, [H, W, 3].
        crop: Where the window lies in the picture.
        window: The window, uint8 RGB, [roi.height, roi.width, 3].
    """
    red, green, blue, _ = cv2.mean(window)
    grey = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))
    return Appearance(
        red,
        green,
        blue,
        length=crop.box.length,
        sharpness=float(deviation[0, 0]) ** 2,
        blockiness=measure_blockiness(picture[crop.bounds(picture)]),
        noise=measure_noise(np.asarray(grey, np.uint8)),
    )


_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""Blind to brightness, slopes and straight edges along the axes, but not to noise."""


def measure_noise(grey: NDArray[np.uint8]) -> float:
    """Estimates the standard deviation of noise.

    The method is Immerkaer's ("Fast noise variance estimation", 1996).

    Args:
        grey: uint8 [h, w].

    Returns:
        In grey levels; 0 for a picture of less than 3 pixels a side.
    """
    inner = cv2.filter2D(grey, cv2.CV_16S, _NOISE_KERNEL)[1:-1, 1:-1]
    if not inner.size:
        return 0.0
    # The kernel's norm is 6, and the mean absolute value of a normal variable sqrt(2 / pi).
    return math.sqrt(math.pi / 2) / 6 * cv2.norm(inner, cv2.NORM_L1) / inner.size
