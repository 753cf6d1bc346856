"""The bytes of a picture file, taken without waiting for a pipe or filling the memory."""

import stat
from pathlib import Path

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.pixel_limit import describe_limit

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
