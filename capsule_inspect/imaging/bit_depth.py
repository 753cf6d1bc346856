"""The bits that a picture of 16-bit values uses, and its values in 8 bits.

Cameras have 10, 12 or 14 bits. Many write their values as they are into files of 16 bits, where
they look black.
"""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import CAMERA_BITS, FILE_BITS
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.picture import Header, Picture

_LOOKS_BLACK: Final = 12
"""Bits of 16 at most that make a picture look black."""
_MOST: Final = 2**FILE_BITS - 1


def white_of(highest: int, header: Header, bits: int | None = None) -> int:
    """Returns the value of a picture of 16 bits that is white.

    Args:
        highest: The highest value of its colours.
        header: What the file says. What its form says is sure. What a note says of the bits (`sBIT`
            of a PNG, `MaxSampleValue` of a TIFF) is believed where no value needs more. Where one
            does, the values are scaled to 16 bits already, as PNG asks for.
        bits: The bits that the user says are used, from 9 to 16. They outrank a note.
    """
    if header.white is not None:
        return header.white
    if bits is None and header.bits is not None and highest < 2**header.bits:
        bits = header.bits
    return int(2 ** (bits or FILE_BITS) - 1)


def to_8_bit(
    values: NDArray[Any], name: str, header: Header, bits: int | None = None
) -> tuple[Picture, tuple[str, ...]]:
    """Scales values of 16 bits so that white becomes 255, and inverts them where white is 0.

    That is round(x * 255 / white). Alpha is scaled alike if it fits below white, else by 16 bits.

    Args:
        values: uint8 or uint16, [H, W] or [H, W, channels]; uint8 stays as it is.
        name: The subject of messages about the file.
        header: What the file says; see `white_of`.
        bits: The bits that the user says are used, from 9 to 16. They are ignored where the form of
            the file says it: PGM and PPM below 65535, AVIF, and TIFF of 10, 12 or 14 bits.

    Returns:
        The values in 8 bits, and sentences: that the picture uses so few bits that it looks black,
        or that nobody knows whether its values are scaled already.

    Raises:
        PictureError: A value needs more bits than the user or the form of the file says.
    """
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8), ()
    has_alpha = values.ndim == 3 and values.shape[2] == 4
    colours = values[..., :3] if has_alpha else values
    highest = int(colours.max(initial=0))
    white = white_of(highest, header, bits)
    if highest > white:
        raise PictureError(f"{name} {_too_high(highest, white, header)}")
    warnings = _doubts(colours, highest, white, header) if bits is None else ()
    if header.white_is_zero:
        values = np.asarray(white - values, np.uint16)
    # White is an odd number times a power of two, of which the values are multiples, too. So no
    # value lies halfway, and rounding is the same everywhere.
    scaled = cv2.convertScaleAbs(values, alpha=255 / white)
    if has_alpha and white < _MOST and int(values[..., 3].max(initial=0)) > white:
        scaled[..., 3] = cv2.convertScaleAbs(values[..., 3], alpha=255 / _MOST)
    return np.asarray(scaled, np.uint8), warnings


def _too_high(highest: int, white: int, header: Header) -> str:
    if header.white is not None:
        return (
            f"has values up to {highest}, above its highest of {white}; its bytes may be swapped, "
            "so save it again."
        )
    return (
        f"has values up to {highest}, more than {white.bit_length()} bits can hold; give the "
        "number of bits that its camera uses, or none."
    )


def _doubts(colours: NDArray[Any], highest: int, white: int, header: Header) -> tuple[str, ...]:
    """Returns a sentence where the values may mean something else than what they are taken for."""
    if header.white is not None or highest == 0:
        return ()
    if white == _MOST:
        return _looks_black(highest, header)
    if header.format != "png":
        return ()
    # PNG asks for values that are scaled to 16 bits. Then the bits below the used ones may be 0.
    spare = 2 ** (FILE_BITS - white.bit_length()) - 1
    if np.bitwise_or.reduce(colours, axis=None) & spare:
        return ()
    return (
        f"The file says that it uses {white.bit_length()} bits, and its values may be scaled to 16 "
        "already: if it looks too bright, --bits 16 (in prepare: data.bits=16) reads them so.",
    )


def _looks_black(highest: int, header: Header) -> tuple[str, ...]:
    needed = highest.bit_length()
    if needed > _LOOKS_BLACK:
        return ()
    shade = "white" if header.white_is_zero else "black"
    example = max(needed, CAMERA_BITS[0])
    return (
        f"It uses only {needed} of 16 bits, so it looks {shade}: give the bits of the camera, such "
        f"as --bits {example} (in prepare: data.bits={example}), or scale the values to 16 bits.",
    )
