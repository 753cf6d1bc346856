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
from capsule_inspect.imaging.picture import Picture

_LOOKS_BLACK: Final = 12
"""Bits of 16 at most that make a picture look black."""


def to_8_bit(
    values: NDArray[Any], name: str, declared: int | None = None, bits: int | None = None
) -> tuple[Picture, tuple[str, ...]]:
    """Scales values of 16 bits so that the highest value of the used bits becomes 255.

    That is round(x * 255 / (2 ** bits - 1)). The alpha of such a picture is scaled alike.

    Args:
        values: uint8 or uint16, [H, W] or [H, W, channels]; uint8 stays as it is.
        name: The subject of messages about the file.
        declared: The bits that the file says it uses; believed where no value needs more. Where one
            does, the values are scaled to 16 bits already, as PNG asks for.
        bits: The bits that the user says are used, from 9 to 16. They outrank `declared`.

    Returns:
        The values in 8 bits, and a sentence if they use so few bits that the picture looks black.

    Raises:
        PictureError: A value needs more bits than the user says.
    """
    if values.dtype == np.uint8:
        return np.asarray(values, np.uint8), ()
    highest = int(values.max(initial=0))
    if bits is not None and highest >= 2**bits:
        raise PictureError(
            f"{name} has values up to {highest}, more than {bits} bits can hold; give the number "
            "of bits that its camera uses, or none."
        )
    used = bits or FILE_BITS
    if bits is None and declared is not None and highest < 2**declared:
        used = declared
    # 2 ** bits - 1 is odd, so no value lies halfway, and rounding is the same everywhere.
    scaled = cv2.convertScaleAbs(values, alpha=255 / (2**used - 1))
    warnings = _looks_black(values, used) if bits is None else ()
    return np.asarray(scaled, np.uint8), warnings


def _looks_black(values: NDArray[Any], used: int) -> tuple[str, ...]:
    colours = values[..., :3] if values.ndim == 3 else values
    needed = int(colours.max(initial=0)).bit_length()
    if used < FILE_BITS or not 0 < needed <= _LOOKS_BLACK:
        return ()
    example = max(needed, CAMERA_BITS[0])
    return (
        f"It uses only {needed} of 16 bits, so it looks black: give the bits of the camera, such "
        f"as --bits {example} (in prepare: data.bits={example}), or scale the values to 16 bits.",
    )
