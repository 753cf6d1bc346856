"""Encode pictures and masks as the bytes of a file."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import DEFAULT_OVERLAY_FORMAT, PictureFormat
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.picture import Picture

_QUALITY = 90
"""Of 100, for the lossy formats; no blocks or blur are visible at native size."""
_OPTIONS: dict[PictureFormat, list[int]] = {
    # Photographs are mostly noise, which no effort compresses. Huffman coding alone, after OpenCV's
    # own choice of filter, takes 23 ms for 1000 x 1000 pixels; level 6 takes 316 ms. Both give 1.1
    # to 1.2 MB. Setting level and filter as well takes half as long again.
    "png": [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY],
    "jpg": [cv2.IMWRITE_JPEG_QUALITY, _QUALITY],
    "webp": [cv2.IMWRITE_WEBP_QUALITY, _QUALITY],
}


def encode_picture(
    picture: Picture, picture_format: PictureFormat = DEFAULT_OVERLAY_FORMAT
) -> bytes:
    """Encodes a picture.

    Args:
        picture: uint8 RGB, [H, W, 3].
        picture_format: `png` keeps every pixel; `jpg` and `webp` are lossy and ten times smaller.

    Returns:
        The content of a picture file.

    Raises:
        PictureError: The picture is too large for the format. WebP allows sides of 16383 pixels.
    """
    bgr = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8)
    return _encode(bgr, picture_format, _OPTIONS[picture_format])


def encode_mask(mask: NDArray[np.uint8]) -> bytes:
    """Encodes a mask as a PNG of one channel.

    Args:
        mask: uint8 [H, W], any values.

    Returns:
        The content of a PNG file.

    Raises:
        PictureError: The mask is too large for a PNG.
    """
    return _encode(mask, "png", [])


def _encode(values: NDArray[np.uint8], extension: str, options: Sequence[int]) -> bytes:
    try:
        done, data = cv2.imencode(f".{extension}", values, options)
    except cv2.error:
        done = False
    if not done:
        height, width = values.shape[:2]
        raise PictureError(
            f"A picture of {width} x {height} pixels cannot be written as {extension}."
        )
    return data.tobytes()
