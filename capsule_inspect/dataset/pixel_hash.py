"""Hashes of decoded pixels, by which a data set knows its pictures and masks."""

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.picture import Picture


def hash_picture(picture: Picture) -> str:
    """Returns the sha256 of a picture's shape and RGB values, the same for every file format."""
    return _hash("rgb", picture)


def hash_mask(mask: NDArray[np.uint8]) -> str:
    """Returns the sha256 of a mask's shape and values, as `read_mask` returns them."""
    return _hash("mask", mask)


def _hash(kind: str, pixels: NDArray[np.uint8]) -> str:
    height, width = pixels.shape[:2]
    digest = sha256(f"{kind} uint8 {height} {width}\n".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
