"""A picture that can go into a data set, and the hash that tells it from others."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from capsule_inspect.imaging.picture import Picture


@dataclass(frozen=True)
class CheckedPicture:
    """A picture that can be used.

    Attributes:
        path: POSIX path relative to the root.
        label: Class name.
        mask: POSIX path of its mask; empty where there is none.
        sha256: Of its pixels, see `hash_pixels`.
        width: Width in pixels.
        height: Height in pixels.
    """

    path: str
    label: str
    mask: str
    sha256: str
    width: int
    height: int


def hash_pixels(picture: Picture) -> str:
    """Returns the sha256 of a picture's shape and RGB values, the same for every file format."""
    height, width, _ = picture.shape
    digest = sha256(f"rgb uint8 {height} {width}\n".encode())
    digest.update(np.ascontiguousarray(picture).data)
    return digest.hexdigest()
