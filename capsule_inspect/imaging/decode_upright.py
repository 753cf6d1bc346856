"""Decoding a picture file to pixels as they are stored, the right way up.

Importing this module turns off OpenCV's log for the process, unless `OPENCV_LOG_LEVEL` is set: it
would print each bad file's trouble a second time. libpng and libjpeg write some warnings about
damaged files straight to stderr, which no setting of OpenCV stops.
"""

import os
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.header import Header
from capsule_inspect.imaging.pixel_limit import describe_limit
from capsule_inspect.imaging.read_header import read_header
from capsule_inspect.imaging.refusal import COPY_AGAIN

Decoded: TypeAlias = NDArray[Any]
"""uint8 or uint16: grey [H, W], BGR [H, W, 3] or BGRA [H, W, 4]."""

_SILENT = 0
_TURN_TO_CV = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
_FLIP_TO_CV = {2: 1, 4: 0}


def _silence_opencv() -> None:
    if "OPENCV_LOG_LEVEL" in os.environ:
        return
    # OpenCV 4 has the function at the top, OpenCV 5 in a submodule.
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    set_level(_SILENT)


_silence_opencv()


def decode_upright(data: bytes, name: str, max_pixels: int) -> tuple[Header, Decoded]:
    """Decodes a picture file and applies its orientation; values and channels stay as stored.

    Args:
        data: The whole file.
        name: What to call the file in messages.
        max_pixels: The most pixels to decode; checked before any pixel is.

    Raises:
        PictureError: The content is no whole picture, too large, not of 8- or 16-bit values, not of
            1, 3 or 4 channels, or cannot be decoded.
    """
    header = read_header(data, name)
    if header.width * header.height > max_pixels:
        raise PictureError(
            f"{name} has {header.width} x {header.height} pixels, more than "
            f"{describe_limit(max_pixels)}; scale it down or cut it."
        )
    decoded = _imdecode(data, name)
    # A TIFF comes upright from OpenCV, whose flag to ignore orientations it does not heed.
    sideways = header.format == "tiff" and header.orientation >= 5
    stored = (header.width, header.height) if sideways else (header.height, header.width)
    if decoded.shape[:2] != stored:
        raise PictureError(
            f"{name} is damaged: its pixels are not of the size it declares; {COPY_AGAIN}."
        )
    if decoded.dtype not in (np.uint8, np.uint16):
        raise PictureError(
            f"{name} holds {decoded.dtype} values, of which nobody knows the range; "
            "save it with 8 or 16 bits per channel."
        )
    if decoded.ndim == 3 and decoded.shape[2] not in {3, 4}:
        raise PictureError(f"{name} has {decoded.shape[2]} channels; save it as RGB.")
    return header, decoded if header.format == "tiff" else _turn(decoded, header.orientation)


def _imdecode(data: bytes, name: str) -> Decoded:
    decoded: Decoded | None
    try:
        # The one flag that keeps 16 bits and alpha; in OpenCV 4 and 5 it leaves the EXIF
        # orientation alone, except that a TIFF's is always applied.
        decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise PictureError(
            f"{name} cannot be decoded: it is damaged or of a rare kind; save it again as PNG."
        )
    return decoded


def _turn(picture: Decoded, orientation: int) -> Decoded:
    """Undoes an EXIF orientation: Exif 3.0, tag 0x0112, where row 0 and column 0 lie."""
    if orientation in _TURN_TO_CV:
        return cv2.rotate(picture, _TURN_TO_CV[orientation])
    if orientation in _FLIP_TO_CV:
        return cv2.flip(picture, _FLIP_TO_CV[orientation])
    if orientation == 5:
        return cv2.transpose(picture)
    if orientation == 7:
        return cv2.transpose(cv2.rotate(picture, cv2.ROTATE_180))
    return picture
