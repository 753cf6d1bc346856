"""Reading pictures: every failure is one sentence, every picture is 8-bit RGB."""

from pathlib import Path

from capsule_inspect.imaging.decode_picture import LoadedPicture, decode_picture
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.picture_file import name_file, read_picture_file
from capsule_inspect.imaging.pixel_limit import MAX_PIXELS


def read_picture(path: Path, max_pixels: int = MAX_PIXELS) -> Picture:
    """Reads a picture file as 8-bit RGB, the right way up, as `load_picture` does.

    Args:
        path: A regular file.
        max_pixels: The most pixels to decode.

    Returns:
        RGB uint8 [H, W, 3], C-contiguous and owned by the caller.

    Raises:
        PictureError: As for `load_picture`.
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
    return decode_picture(read_picture_file(path, max_pixels), name_file(path), max_pixels)
