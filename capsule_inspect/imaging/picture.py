"""The picture: its pixels, its file, its limits, and why one is refused."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import PictureError

Picture: TypeAlias = NDArray[np.uint8]
"""RGB uint8 [H, W, 3], the right way up; grey levels from 0 to 255."""

PICTURE_EXTENSIONS: frozenset[str] = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
)
"""Extensions, in lower case, of the files in a folder that are taken for pictures."""


MAX_PIXELS = 100_000_000
"""100 megapixels: above the sensors of inspection cameras; 300 MB as 8-bit RGB, 800 MB at the
worst."""


def describe_limit(max_pixels: int) -> str:
    """Names a limit in megapixels, and the setting that moves it, for the middle of a sentence."""
    return f"the limit of {max_pixels / 1e6:g} megapixels (in predict: predict.max_megapixels)"


COPY_AGAIN = "copy it again, or save it as PNG"
"""What to do about a file that is not whole."""
CONVERT = "convert it to PNG"
"""What to do about a whole file of a kind that cannot be read."""


class Refusal(Exception):  # noqa: N818 - a reason on its way to PictureError, not an error type
    """The rest of a sentence that begins with the file's name.

    Args:
        reason: What is wrong, such as `is truncated`.
        advice: What to do next.
    """

    def __init__(self, reason: str, advice: str = COPY_AGAIN) -> None:
        super().__init__(f"{reason}; {advice}.")


_BYTES_PER_PIXEL = 8
"""Of the largest pixel that is read: four channels of 16 bits."""
_METADATA_BYTES = 64 * 2**20
"""Room for profiles, thumbnails and further pages."""


def name_file(path: Path) -> str:
    """Returns what to call a picture file at the beginning of a sentence."""
    return f"The file '{path}'"


def read_picture_file(path: Path, max_pixels: int) -> bytes:
    """Reads a picture file whole.

    Args:
        path: A regular file.
        max_pixels: The most pixels that are to be decoded; a file too long for them is not read.

    Raises:
        PictureError: The file is missing, not a regular file, unreadable or too long.
    """
    name = name_file(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PictureError(f"{name} is a folder; give the pictures inside it instead.")
        # Asked before opening: opening a named pipe would wait for a writer.
        if not stat.S_ISREG(status.st_mode):
            raise PictureError(
                f"{name} is not a regular file but a pipe or a device; save the picture as a file."
            )
        if status.st_size > max_pixels * _BYTES_PER_PIXEL + _METADATA_BYTES:
            raise PictureError(
                f"{name} has {status.st_size} bytes, more than any picture within "
                f"{describe_limit(max_pixels)}; scale it down or cut it."
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError(f"{name} does not exist; check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or error
        raise PictureError(
            f"{name} cannot be read: {reason}; check the path and its permissions."
        ) from None


@dataclass(frozen=True)
class Header:
    """What a whole picture file declares.

    Attributes:
        format: `png`, `jpeg`, `bmp`, `tiff` or `webp`, told from the content.
        width: Width of the stored pixels, before the orientation is applied.
        height: Height of the stored pixels, before the orientation is applied.
        orientation: EXIF orientation, 1 to 8; 1 where the file has none or an invalid one.
        more: Further pictures follow the first: frames of an animation, or pages.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    more: bool = False
