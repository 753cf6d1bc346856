"""Reading pictures and masks: every failure is one sentence, every picture is 8-bit RGB.

Importing this module turns off OpenCV's log for the process, unless `OPENCV_LOG_LEVEL` is set: it
would print each bad file's trouble a second time. libpng and libjpeg write some warnings about
damaged files straight to stderr, which no setting of OpenCV stops.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.header import Header, read_header

Picture: TypeAlias = NDArray[np.uint8]
_Decoded: TypeAlias = NDArray[Any]

PICTURE_EXTENSIONS: frozenset[str] = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
)
# 100 megapixels: above the sensors of inspection cameras; 300 MB as 8-bit RGB, 800 MB at the worst.
MAX_PIXELS = 100_000_000

_BYTES_PER_PIXEL = 8  # of the largest pixel that is read: four channels of 16 bits
_METADATA_BYTES = 64 * 2**20  # room for profiles, thumbnails and further pages

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


@dataclass(frozen=True)
class LoadedPicture:
    """A picture, and what of its file it leaves out.

    Attributes:
        pixels: RGB uint8 [H, W, 3], C-contiguous and owned by the caller.
        warnings: Sentences about what was left out or changed.
    """

    pixels: Picture
    warnings: tuple[str, ...] = ()


def read_picture(path: Path, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads a picture file as 8-bit RGB, the right way up, as `load_picture` does.

    Returns:
        RGB uint8 [H, W, 3], C-contiguous and owned by the caller.
    """
    return load_picture(path, max_pixels).pixels


def load_picture(path: Path, max_pixels: int = MAX_PIXELS) -> LoadedPicture:
    """Reads a picture file, and says what of it is left out.

    The format is taken from the content, not from the extension; see `decode_picture`.

    Args:
        path: A regular file.
        max_pixels: The most pixels to decode.

    Raises:
        PictureError: The file is missing, not a regular file, unreadable, or no whole picture.
    """
    return _load(_read_bytes(path, max_pixels), str(path), max_pixels)


def decode_picture(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture file's content as 8-bit RGB, the right way up.

    The EXIF orientation is applied once; 16-bit values are scaled to round(x / 257); grey, palette,
    1-bit and CMYK pictures become RGB; alpha is blended with white. Of an animation or a file of
    several pages the first picture is taken. The single transparent level of a grey PNG and the
    alpha of a BMP are ignored, as OpenCV does. `read_header` says which damage is not found.

    Args:
        data: The whole file.
        name: What to call the file in messages.
        max_pixels: The most pixels to decode; checked before any pixel is.

    Returns:
        RGB uint8 [H, W, 3], C-contiguous and owned by the caller.

    Raises:
        PictureError: The content is no whole picture, too large, not of 8- or 16-bit values, or
            cannot be decoded.
    """
    return _load(data, name, max_pixels).pixels


def read_mask(path: Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Reads a mask file, the right way up.

    Args:
        path: A regular file.
        max_pixels: The most pixels to decode.

    Returns:
        uint8 [H, W]: the values as stored in a single-channel file of 8 bits (fewer bits are
        spread to 0..255 as PNG defines); values above 255 become 255, so that nothing but 0
        becomes 0; of a colour file the largest of the three channels, without alpha.

    Raises:
        PictureError: As for `read_picture`.
    """
    _, decoded = _decode(_read_bytes(path, max_pixels), str(path), max_pixels)
    values = decoded if decoded.ndim == 2 else decoded[:, :, :3].max(axis=2)
    return np.ascontiguousarray(np.minimum(values, 255), dtype=np.uint8)


def _load(data: bytes, name: str, max_pixels: int) -> LoadedPicture:
    header, decoded = _decode(data, name, max_pixels)
    warnings = ["The file holds several pictures; this is the first."] if header.more else []
    values = _to_8_bit(decoded)
    if values.ndim == 2:
        rgb = cv2.cvtColor(values, cv2.COLOR_GRAY2RGB)
    elif values.shape[2] == 3:
        rgb = cv2.cvtColor(values, cv2.COLOR_BGR2RGB, dst=values)  # in place
    else:
        # OpenCV hands out most TIFF colours multiplied by their alpha, those of PNG and WebP never.
        rgb = _on_white(values[:, :, [2, 1, 0, 3]], header.format == "tiff")
        if (values[:, :, 3] < 255).any():
            warnings.append("Its transparent parts were put on white.")
    return LoadedPicture(np.ascontiguousarray(rgb, dtype=np.uint8), tuple(warnings))


def _read_bytes(path: Path, max_pixels: int) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PictureError(f"{path} is a folder, not a picture file.")
        # Asked before opening: opening a named pipe would wait for a writer.
        if not stat.S_ISREG(status.st_mode):
            raise PictureError(f"{path} is not a regular file.")
        if status.st_size > max_pixels * _BYTES_PER_PIXEL + _METADATA_BYTES:
            raise PictureError(
                f"{path} has {status.st_size} bytes, more than any picture of {max_pixels} pixels, "
                "which is the limit."
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError(f"{path} does not exist.") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path} cannot be read: {reason}.") from None


def _decode(data: bytes, name: str, max_pixels: int) -> tuple[Header, _Decoded]:
    """Decode to the right way up: BGR(A) [H, W, 3 or 4] or grey [H, W], uint8 or uint16."""
    header = read_header(data, name)
    if header.width * header.height > max_pixels:
        raise PictureError(
            f"{name} has {header.width} x {header.height} pixels, more than the limit of "
            f"{max_pixels}; scale it down or cut it."
        )
    # The one flag that keeps 16 bits and alpha; in OpenCV 4 and 5 it leaves the EXIF orientation
    # alone, except that a TIFF's is always applied.
    decoded = _imdecode(data, name)
    if header.format != "tiff":
        stored = (header.height, header.width)
        upright = _turn(decoded, header.orientation)
    else:
        swapped = header.orientation >= 5
        stored = (header.width, header.height) if swapped else (header.height, header.width)
        upright = decoded
    if decoded.shape[:2] != stored:
        raise PictureError(f"{name} is damaged: its pixels are not of the size it declares.")
    if decoded.dtype not in (np.uint8, np.uint16):
        raise PictureError(
            f"{name} holds {decoded.dtype} values, of which nobody knows the range; "
            "save it with 8 or 16 bits per channel."
        )
    if decoded.ndim == 3 and decoded.shape[2] not in {3, 4}:
        raise PictureError(f"{name} has {decoded.shape[2]} channels; save it as RGB.")
    return header, upright


def _imdecode(data: bytes, name: str) -> _Decoded:
    decoded: _Decoded | None
    try:
        decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise PictureError(
            f"{name} cannot be decoded: it is damaged or of a rare kind; save it again as PNG."
        )
    return decoded


def _turn(picture: _Decoded, orientation: int) -> _Decoded:
    """Undo an EXIF orientation: Exif 3.0, tag 0x0112, where row 0 and column 0 are said to lie."""
    if orientation in _TURN_TO_CV:
        return cv2.rotate(picture, _TURN_TO_CV[orientation])
    if orientation in _FLIP_TO_CV:
        return cv2.flip(picture, _FLIP_TO_CV[orientation])
    if orientation == 5:
        return cv2.transpose(picture)
    if orientation == 7:
        return cv2.transpose(cv2.rotate(picture, cv2.ROTATE_180))
    return picture


def _to_8_bit(values: _Decoded) -> Picture:
    # 257 is odd, so x / 257 never lies halfway and rounding is the same in every convention.
    return np.asarray(
        values if values.dtype == np.uint8 else cv2.convertScaleAbs(values, alpha=1 / 257),
        dtype=np.uint8,
    )


def _on_white(rgba: Picture, maybe_multiplied: bool) -> Picture:
    """Blend [H, W, 4] with white.

    Args:
        rgba: Colours and alpha.
        maybe_multiplied: The colours are multiplied by alpha already, if none exceeds its alpha.
    """
    rgb, alpha = rgba[:, :, :3].astype(np.uint16), rgba[:, :, 3:].astype(np.uint16)
    white = 255 - alpha
    if maybe_multiplied and bool((rgb <= alpha).all()):
        return (rgb + white).astype(np.uint8)
    return ((rgb * alpha + 255 * white + 127) // 255).astype(np.uint8)
