"""Reading what a picture file says about itself, without decoding a pixel.

The walk from a file's first byte to its declared end costs a small fraction of decoding and finds
what a decoder may pass over: OpenCV can return a JPEG cut in the middle with a grey lower half.
"""

import struct
from collections.abc import Callable

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.bmp_header import read_bmp_header
from capsule_inspect.imaging.header import Header
from capsule_inspect.imaging.jpeg_header import read_jpeg_header
from capsule_inspect.imaging.png_header import PNG_SIGNATURE, read_png_header
from capsule_inspect.imaging.refusal import Refusal
from capsule_inspect.imaging.tiff_fields import TIFF_SIGNATURES
from capsule_inspect.imaging.tiff_header import read_tiff_header
from capsule_inspect.imaging.webp_header import read_webp_header

_READERS: dict[str, Callable[[bytes], Header]] = {
    "png": read_png_header,
    "jpeg": read_jpeg_header,
    "bmp": read_bmp_header,
    "tiff": read_tiff_header,
    "webp": read_webp_header,
}

_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}
"""Bytes of the information header in every published version of BMP."""

_FOREIGN = (
    (0, b"GIF8", "GIF"),
    (0, b"%PDF", "PDF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"II+\0", "BigTIFF"),
    (0, b"MM\0+", "BigTIFF"),
    (4, b"ftyp", "HEIC, AVIF or video"),
    (4, b"jP  ", "JPEG 2000"),
)
"""Where a foreign format's mark sits, the mark, and what people call the format."""


def read_header(data: bytes, name: str) -> Header:
    """Reads the header of a picture and checks that the file is whole.

    Truncation is found in every format: PNG chunks are walked to IEND with their CRCs, JPEG
    markers to the end of the image, and the sizes that BMP, WebP and TIFF (first page) declare must
    fit the file. Bytes after the end are ignored. Not found: changed bytes inside the pixel data of
    anything but a PNG (a decoder may notice, but a JPEG goes on with wrong colours and a TIFF with
    black); an end marker forged after a cut JPEG; a cut in a run-length BMP or a TIFF that does not
    declare the size of its data.

    Args:
        data: The whole file.
        name: What to call the file in messages.

    Returns:
        Format, stored size and orientation.

    Raises:
        PictureError: The content is empty, no picture, of another format, truncated or damaged.
    """
    try:
        return _read(data)
    except Refusal as refusal:
        raise PictureError(f"{name} {refusal}") from None


def _read(data: bytes) -> Header:
    picture_format = _tell_format(data)
    try:
        header = _READERS[picture_format](data)
    except struct.error:
        raise Refusal(f"is truncated: it ends inside a {picture_format.upper()} header") from None
    if header.width <= 0 or header.height <= 0:
        raise Refusal(f"declares a size of {header.width} x {header.height} pixels")
    return header


def _tell_format(data: bytes) -> str:
    if not data:
        raise Refusal("is empty (0 bytes)")
    if data.startswith(PNG_SIGNATURE):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(TIFF_SIGNATURES):
        return "tiff"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    # Two letters are too few to tell a BMP from a text, so the header's size must fit as well.
    if data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES:
        return "bmp"
    for position, mark, foreign in _FOREIGN:
        if data.startswith(mark, position):
            raise Refusal(f"is a {foreign} file", "convert it to PNG or JPEG")
    raise Refusal(
        "is not a picture: its content is no PNG, JPEG, BMP, TIFF or WebP",
        "leave it out, or convert it to PNG",
    )
