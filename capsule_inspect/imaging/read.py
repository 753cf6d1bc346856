"""Read pictures and masks from bytes and files."""

import os
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import PictureError
from capsule_inspect.files import StrPath
from capsule_inspect.imaging import bmp, netpbm
from capsule_inspect.imaging.bit_depth import to_8_bit, white_of
from capsule_inspect.imaging.defect_mask import CLASS_NUMBERS
from capsule_inspect.imaging.headers import read_header, without_animation
from capsule_inspect.imaging.picture import (
    COPY_AGAIN,
    MAX_PIXELS,
    Header,
    Picture,
    describe_limit,
    name_file,
    read_picture_file,
)
from capsule_inspect.imaging.tiff import with_orientation_1
from capsule_inspect.imaging.tiff_lzw import require_whole_lzw

Decoded: TypeAlias = NDArray[Any]
"""uint8 or uint16: grey [H, W], BGR [H, W, 3] or BGRA [H, W, 4]."""

_SILENT = 0
_ON_WHITE = "Its transparent parts were put on white."
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
    """Decodes a picture file the right way up; values and channels stay as stored.

    Args:
        data: The whole file.
        name: The subject of messages about it, such as `The file 'a.png'`.
        max_pixels: The most pixels to decode; checked before decoding.

    Raises:
        PictureError: The content is no whole picture, is too large, has values other than 8 or 16
            bits, has other than 1, 3 or 4 channels, or cannot be decoded.
    """
    header = read_header(data, name)
    if header.width * header.height > max_pixels:
        raise PictureError(
            f"{name} has {header.width} x {header.height} pixels, more than "
            f"{describe_limit(max_pixels)}; scale it down or cut it."
        )
    if header.format == "tiff":
        require_whole_lzw(data, name)  # only now, since it decompresses
    decoded = _imdecode(_for_opencv(data, header), name)
    if decoded.shape[:2] != (header.height, header.width):
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
    is_alpha = header.fourth_is_alpha and header.format != "bmp"  # there, most readers ignore it
    if decoded.ndim == 3 and decoded.shape[2] == 4 and not is_alpha:
        decoded = np.ascontiguousarray(decoded[..., :3])
    return header, _turn(decoded, header.orientation)


def _for_opencv(data: bytes, header: Header) -> bytes:
    """Returns a file with the same picture in a form that OpenCV reads rightly."""
    match header.format:
        case "bmp":
            return bmp.for_opencv(data)
        case "pnm":
            return netpbm.for_opencv(data)
        case "tiff":
            return with_orientation_1(data)
        case "png" if header.more:
            return without_animation(data)
    return data


def _imdecode(data: bytes, name: str) -> Decoded:
    decoded: Decoded | None
    try:
        # The one flag that keeps 16 bits and alpha. In OpenCV 4 and 5 it ignores the EXIF
        # orientation, except that of a TIFF, which `with_orientation_1` takes away.
        decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise PictureError(
            f"{name} cannot be decoded: it is damaged or of a rare kind; save it again as PNG."
        )
    return decoded


def _turn(picture: Decoded, orientation: int) -> Decoded:
    """Undoes an EXIF orientation (Exif 3.0, tag 0x0112: where row 0 and column 0 lie)."""
    if orientation in _TURN_TO_CV:
        return cv2.rotate(picture, _TURN_TO_CV[orientation])
    if orientation in _FLIP_TO_CV:
        return cv2.flip(picture, _FLIP_TO_CV[orientation])
    if orientation == 5:
        return cv2.transpose(picture)
    if orientation == 7:
        return cv2.transpose(cv2.rotate(picture, cv2.ROTATE_180))
    return picture


@dataclass(frozen=True)
class LoadedPicture:
    """A decoded picture, and warnings about what decoding left out.

    Attributes:
        pixels: RGB uint8 [H, W, 3], C-contiguous; it belongs to the caller.
        warnings: Sentences about what was left out or changed.
    """

    pixels: Picture
    warnings: tuple[str, ...] = ()


def decode_picture(
    data: bytes, name: str, max_pixels: int = MAX_PIXELS, bits: int | None = None
) -> LoadedPicture:
    """Decodes the bytes of a picture file as 8-bit RGB, the right way up.

    It applies the EXIF orientation once and scales 16-bit values as `to_8_bit` does. Grey, palette,
    1-bit and CMYK pictures become RGB; alpha is blended with white. Of an animation or a file with
    several pages it takes the first picture; of an animated PNG, the default picture. Like most
    readers, it ignores the alpha of a BMP.
    `read_header` lists the damage that goes unnoticed.

    Args:
        data: The whole file.
        name: The subject of messages about it, such as `The file 'a.png'`.
        max_pixels: The most pixels to decode; checked before decoding.
        bits: The bits of 16 that the camera uses, from 9 to 16; None for what the file says, or 16.
            Ignored where the form of the file says it for sure, as that of a PGM; see `to_8_bit`.

    Raises:
        PictureError: The content is no whole picture, is too large, has values other than 8 or 16
            bits or above what `bits` or the file allows, or cannot be decoded.
    """
    header, decoded = decode_upright(data, name, max_pixels)
    warnings = ["The file holds several pictures; this is the first."] if header.more else []
    values, doubts = to_8_bit(decoded, name, header, bits)
    warnings += doubts
    if values.ndim == 2:
        if header.clear_level is not None and (decoded == header.clear_level).any():
            values = np.where(decoded == header.clear_level, np.uint8(255), values)
            warnings.append(_ON_WHITE)
        rgb = cv2.cvtColor(values, cv2.COLOR_GRAY2RGB)
    elif values.shape[2] == 3:
        rgb = cv2.cvtColor(values, cv2.COLOR_BGR2RGB, dst=values)  # in place
    else:
        rgb = _on_white(values[:, :, [2, 1, 0, 3]], header.alpha_is_multiplied)
        if (values[:, :, 3] < 255).any():
            warnings.append(_ON_WHITE)
    return LoadedPicture(np.ascontiguousarray(rgb, dtype=np.uint8), tuple(warnings))


def _on_white(rgba: Picture, is_multiplied: bool) -> Picture:
    """Blends [H, W, 4] with white.

    Args:
        rgba: Colours and alpha.
        is_multiplied: Whether the colours are multiplied by alpha already.
    """
    rgb, alpha = rgba[:, :, :3].astype(np.uint16), rgba[:, :, 3:].astype(np.uint16)
    white = 255 - alpha
    if is_multiplied:
        return np.asarray(np.minimum(rgb + white, 255), np.uint8)
    return ((rgb * alpha + 255 * white + 127) // 255).astype(np.uint8)


def read_picture(path: StrPath, max_pixels: int = MAX_PIXELS, bits: int | None = None) -> Picture:
    """Reads a picture file as 8-bit RGB, the right way up.

    The content decides the format, not the extension; see `decode_picture`.

    Args:
        path: A regular file.
        max_pixels: The most pixels to decode.
        bits: The bits of 16 that the camera uses; see `decode_picture`.

    Returns:
        RGB uint8 [H, W, 3], C-contiguous; it belongs to the caller.

    Raises:
        PictureError: The file is missing, not a regular file, unreadable, or no whole picture.
    """
    data = read_picture_file(path, max_pixels)
    return decode_picture(data, name_file(path), max_pixels, bits).pixels


def read_mask(path: StrPath) -> NDArray[np.uint8]:
    """Reads a mask file, as `decode_mask` does.

    Args:
        path: A regular file.

    Raises:
        PictureError: As for `read_picture`.
    """
    return decode_mask(read_picture_file(path, MAX_PIXELS), name_file(path))


def decode_mask(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decodes the bytes of a mask file, the right way up.

    Args:
        data: The whole file.
        name: The subject of messages about it, such as `The file 'a.png'`.

    Returns:
        uint8 [H, W]. An 8-bit file with one channel gives the values as stored; fewer bits are
        spread to 0..255 as PNG defines. Of a 16-bit file, grey levels are scaled to 255; if none is
        above 4095, they are numbers of objects, and those above 31 become 31. A colour file gives
        the largest of its three channels; one of a single colour gives its alpha, if that varies.

    Raises:
        PictureError: As for `decode_picture`.
    """
    header, decoded = decode_upright(data, name, MAX_PIXELS)
    values = decoded if decoded.ndim == 2 else _shape_in(decoded)
    highest = int(values.max(initial=0))
    if header.white_is_zero:
        values = white_of(highest, header) - values
        highest = int(values.max(initial=0))
    if highest > _MOST_OBJECTS:
        values = values.astype(np.uint32) * 255 // highest
    elif highest > 255:
        values = np.minimum(values, CLASS_NUMBERS - 1)
    return np.ascontiguousarray(values, dtype=np.uint8)


def _shape_in(colours: Decoded) -> Decoded:
    """Returns the grey levels of a mask in colour, [H, W]."""
    opaque, alpha = colours[:, :, :3], colours[:, :, 3:]
    if alpha.size and (opaque == opaque[0, 0]).all() and (alpha != alpha[0, 0]).any():
        return alpha[:, :, 0]
    return np.asarray(opaque.max(axis=2))


_MOST_OBJECTS: Final = 4095
"""The highest value of a 16-bit mask that numbers objects; beyond, values are grey levels."""
