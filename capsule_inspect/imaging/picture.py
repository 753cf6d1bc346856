"""The picture: its pixels, its file, its limits, and the reasons to refuse one."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.errors import PictureError
from capsule_inspect.files import StrPath

Picture: TypeAlias = NDArray[np.uint8]
"""RGB uint8 [H, W, 3], the right way up; values from 0 to 255."""

MAX_PIXELS = 100_000_000
"""The limit of every reader without one of its own, and the default of predict.max_megapixels.

100 megapixels are more than the sensors of inspection cameras have; 300 MB as 8-bit RGB, 800 MB at
worst."""


def describe_limit(max_pixels: int) -> str:
    """Returns a limit in megapixels and the setting that changes it, for use inside a sentence."""
    return f"the limit of {max_pixels / 1e6:g} megapixels (in predict: predict.max_megapixels)"


COPY_AGAIN = "copy it again, or save it as PNG"
"""The advice for a file that is not whole."""
CONVERT = "convert it to PNG"
"""The advice for a whole file of a kind that cannot be read."""


class Refusal(Exception):  # noqa: N818 - a reason on its way to PictureError, not an error type
    """Says why a picture is refused: the rest of a sentence that begins with the file's name.

    Args:
        reason: What is wrong, such as `is truncated`.
        advice: What to do next.
    """

    def __init__(self, reason: str, advice: str = COPY_AGAIN) -> None:
        super().__init__(f"{reason}; {advice}.")


_BYTES_PER_PIXEL = 8
"""Bytes of the largest pixel that can be read: four channels of 16 bits."""
_METADATA_BYTES = 64 * 2**20
"""Room for profiles, thumbnails and further pages."""


def name_file(path: StrPath) -> str:
    """Returns the subject of a sentence about a picture file, such as `The file 'a.png'`."""
    return f"The file '{path}'"


def refuse_size(path: StrPath, size: int, max_pixels: int) -> None:
    """Refuses a file that is too long for a picture.

    Args:
        path: The file.
        size: Its length in bytes.
        max_pixels: The most pixels to decode later.

    Raises:
        PictureError: It is too long.
    """
    if size > max_pixels * _BYTES_PER_PIXEL + _METADATA_BYTES:
        raise PictureError(
            f"{name_file(path)} has {size} bytes, more than any picture within "
            f"{describe_limit(max_pixels)}; scale it down or cut it."
        )


def read_picture_file(path: StrPath, max_pixels: int, folder: Path = Path()) -> bytes:
    """Reads the bytes of a picture file.

    Args:
        path: A regular file.
        max_pixels: The most pixels to decode later; a file too long for them is not read.
        folder: Where a relative path begins.

    Raises:
        PictureError: The file is missing, not a regular file, unreadable or too long.
    """
    name, file = name_file(path), folder / path
    try:
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PictureError(f"{name} is a folder; give the pictures inside it instead.")
        # Checked before opening: opening a named pipe would wait for a writer.
        if not stat.S_ISREG(status.st_mode):
            raise PictureError(
                f"{name} is not a regular file but a pipe or a device; save the picture as a file."
            )
        refuse_size(path, status.st_size, max_pixels)
        return file.read_bytes()
    except FileNotFoundError:
        raise PictureError(f"{name} does not exist; check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or error
        raise PictureError(
            f"{name} cannot be read: {reason}; check the path and its permissions."
        ) from None


@dataclass(frozen=True)
class Header:
    """The facts that a whole picture file declares.

    Attributes:
        format: `png`, `jpeg`, `bmp`, `tiff`, `webp`, `pnm` or `avif`, as the content says.
        width: Width of the stored pixels, before the orientation is applied.
        height: Height of the stored pixels, before the orientation is applied.
        orientation: EXIF orientation, 1 to 8; 1 where the file has none or an invalid one.
        more: Whether more pictures follow the first: frames of an animation, or pages.
        fourth_is_alpha: Whether the fourth of four channels is transparency, not another quantity
            such as infrared.
        alpha_is_multiplied: Whether the decoded colours are multiplied by their alpha.
        white_is_zero: Whether values have to be inverted after decoding.
        white: The decoded value of 16 bits that is white, where the form of the file says it for
            sure.
        bits: The bits that its values of 16 bits use, where a note in the file says so. In some
            files the note and the values disagree.
        clear_level: The grey level that is transparent, in the decoded values; None if none is.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    more: bool = False
    fourth_is_alpha: bool = True
    alpha_is_multiplied: bool = False
    white_is_zero: bool = False
    white: int | None = None
    bits: int | None = None
    clear_level: int | None = None
