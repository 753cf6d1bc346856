"""Reading masks, whose values are kept as they are."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.decode_upright import decode_upright
from capsule_inspect.imaging.picture_file import name_file, read_picture_file
from capsule_inspect.imaging.pixel_limit import MAX_PIXELS


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Reads a mask file, the right way up.

    Args:
        path: A regular file.

    Returns:
        uint8 [H, W]: the values as stored in a single-channel file of 8 bits (fewer bits are
        spread to 0..255 as PNG defines); values above 255 become 255, so that nothing but 0
        becomes 0; of a colour file the largest of the three channels, without alpha.

    Raises:
        PictureError: As for `read_picture`.
    """
    data = read_picture_file(path, MAX_PIXELS)
    _, decoded = decode_upright(data, name_file(path), MAX_PIXELS)
    values = decoded if decoded.ndim == 2 else decoded[:, :, :3].max(axis=2)
    return np.ascontiguousarray(np.minimum(values, 255), dtype=np.uint8)
