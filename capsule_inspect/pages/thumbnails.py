"""Pictures small enough to stand inside a page."""

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.encode import encode_picture
from capsule_inspect.imaging.picture import Picture


def make_thumbnail(picture: Picture, longest_side: int = 400) -> str:
    """Shrinks a picture and returns it as a `data:` address.

    Args:
        picture: uint8 RGB, [H, W, 3].
        longest_side: In pixels; smaller pictures are left as they are.
    """
    scale = longest_side / max(picture.shape[:2])
    if scale < 1:
        size = (
            max(1, round(picture.shape[1] * scale)),
            max(1, round(picture.shape[0] * scale)),
        )
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    data = base64.b64encode(encode_picture(picture, "jpg")).decode()
    return f"data:image/jpeg;base64,{data}"


def colour_map(values: NDArray[np.float32]) -> Picture:
    """Colours a map of values, dark for 0 and bright for the largest.

    Args:
        values: float32 [H, W], at least 0.

    Returns:
        uint8 RGB, [H, W, 3].
    """
    top = max(float(values.max()), 1e-9)
    levels = np.asarray(255 * values / top, np.uint8)
    bgr = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
