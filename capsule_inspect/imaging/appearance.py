"""The appearance of a window: colour, size and sharpness."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Appearance:
    """Colour, size and sharpness of one capsule's window.

    Attributes:
        red: Mean of the red channel, in grey levels from 0 to 255.
        green: Mean of the green channel.
        blue: Mean of the blue channel.
        length: Length of the capsule, in native pixels.
        sharpness: Variance of the Laplacian (Pech-Pacheco et al., "Diatom autofocusing in
            brightfield microscopy", 2000), in squared grey levels; low if blurred.
    """

    red: float
    green: float
    blue: float
    length: float
    sharpness: float


def measure_appearance(window: NDArray[np.uint8], length: float) -> Appearance:
    """Measures the appearance of a window.

    Args:
        window: uint8 RGB, [roi.height, roi.width, 3].
        length: Length of the capsule in native pixels.
    """
    red, green, blue, _ = cv2.mean(window)
    grey = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))
    return Appearance(red, green, blue, length, float(deviation[0, 0]) ** 2)
