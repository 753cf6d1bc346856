"""What a picture file says about itself, read without decoding a pixel.

The walk from a file's first byte to its declared end costs a small fraction of decoding and finds
what a decoder may pass over: OpenCV can return a JPEG cut in the middle with a grey lower half.
"""

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.tiff_fields import (
    EXIF_PREFIX,
    ORIENTATION,
    TIFF_SIGNATURES,
    Field,
    exif_orientation,
    has_next_page,
    read_fields,
    read_integers,
    valid_orientation,
)

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# Sizes of the information header in every published version of BMP.
_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}
_BMP_RLE = {1, 2}

# A JPEG marker with a meaning here: not a stuffed zero, TEM, a restart marker or a fill byte.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
_JPEG_SOI, _JPEG_EOI, _JPEG_SOS, _JPEG_APP1 = 0xD8, 0xD9, 0xDA, 0xE1
# Start of frame C0 to CF without DHT (C4), JPG (C8) and DAC (CC): ITU-T T.81, table B.1.
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES_PER_PIXEL = 256, 257, 259, 277
_STRIPS, _TILES = (273, 279), (324, 325)
# None, CCITT, LZW, JPEG, Deflate (two numbers) and PackBits. Of a TIFF compressed in another way
# OpenCV can return a black picture without a word.
_TIFF_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}

# Where a foreign format's mark sits, the mark, and what people call the format.
_FOREIGN = (
    (0, b"GIF8", "GIF"),
    (0, b"%PDF", "PDF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"II+\0", "BigTIFF"),
    (0, b"MM\0+", "BigTIFF"),
    (4, b"ftyp", "HEIC, AVIF or video"),
    (4, b"jP  ", "JPEG 2000"),
)


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
    orientation: int
    more: bool = False


class _Damage(Exception):  # noqa: N818 - a reason on its way to PictureError, not an error type
    """Why a file is refused, worded to follow the file's name."""


class _Parsed(NamedTuple):
    width: int
    height: int
    orientation: int = 1
    more: bool = False


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
    if not data:
        raise PictureError(f"{name} is empty (0 bytes); copy it again, or save it as PNG.")
    picture_format = _sniff(data, name)
    try:
        parsed = _PARSERS[picture_format](data)
    except _Damage as damage:
        raise PictureError(f"{name} {damage}; copy it again, or save it as PNG.") from None
    except struct.error:
        raise PictureError(
            f"{name} is truncated: it ends inside a {picture_format.upper()} header; "
            "copy it again, or save it as PNG."
        ) from None
    if parsed.width <= 0 or parsed.height <= 0:
        raise PictureError(f"{name} declares a size of {parsed.width} x {parsed.height} pixels.")
    return Header(picture_format, *parsed)


def _sniff(data: bytes, name: str) -> str:
    if data.startswith(_PNG_SIGNATURE):
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
            raise PictureError(f"{name} is a {foreign} file; convert it to PNG or JPEG.")
    raise PictureError(f"{name} is not a picture: its content is no PNG, JPEG, BMP, TIFF or WebP.")


def _png(data: bytes) -> _Parsed:
    view = memoryview(data)
    position, orientation, pixels_seen, more = len(_PNG_SIGNATURE), 1, False, False
    length, kind, width, height = struct.unpack_from(">I4sII", data, position)
    if kind != b"IHDR" or length != 13:
        raise _Damage("is damaged: the PNG does not start with its header")
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise _Damage("is truncated: the PNG ends before its last chunk")
        (crc,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(view[position + 4 : end - 4]) != crc:
            raise _Damage(f"is damaged: the checksum of a PNG chunk at byte {position} is wrong")
        if kind == b"eXIf":
            orientation = exif_orientation(data[position + 8 : end - 4])
        elif kind == b"acTL":
            more = struct.unpack_from(">I", data, position + 8) > (1,)
        pixels_seen |= kind == b"IDAT"
        position = end
    if not pixels_seen:
        raise _Damage("is damaged: the PNG holds no pixels")
    return _Parsed(width, height, orientation, more)


def _jpeg(data: bytes) -> _Parsed:
    size: tuple[int, int] | None = None
    orientation, scan_seen, end_seen, position = 0, False, False, 2
    while match := _JPEG_MARKER.search(data, position):
        marker, position = match[1][0], match.end()
        if marker == _JPEG_EOI:
            end_seen = True
            break
        if marker == _JPEG_SOI:
            raise _Damage("is damaged: a second JPEG begins before the first one ends")
        (length,) = struct.unpack_from(">H", data, position)
        end = position + length
        if end > len(data):
            break
        if marker in _JPEG_FRAMES and size is None:
            size = struct.unpack_from(">HH", data, position + 3)
        elif marker == _JPEG_APP1 and data.startswith(EXIF_PREFIX, position + 2):
            # Skipped as a whole, so that the markers of a thumbnail inside are never seen.
            orientation = orientation or exif_orientation(data[position + 2 : end])
        scan_seen |= marker == _JPEG_SOS
        position = end
    if not (end_seen and scan_seen):
        raise _Damage("is truncated: the JPEG ends before its end-of-image marker")
    if size is None:
        raise _Damage("is damaged: the JPEG declares no size")
    return _Parsed(size[1], size[0], orientation or 1)


def _webp(data: bytes) -> _Parsed:
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise _Damage(f"is truncated: {len(data)} of the {end} bytes its WebP header declares")
    size: tuple[int, int] | None = None
    position, orientation, pixels_seen, frames = 12, 1, False, 0
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        body, position = position + 8, position + 8 + length + length % 2
        if body + length > end:
            raise _Damage("is damaged: a WebP chunk is longer than the file")
        if kind == b"EXIF":
            orientation = exif_orientation(data[body : body + length])
        size = size or _webp_size(kind, data, body)
        pixels_seen |= kind in {b"VP8 ", b"VP8L", b"ANMF"}
        frames += kind == b"ANMF"
    if size is None or not pixels_seen:
        raise _Damage("is damaged: the WebP holds no pixels")
    return _Parsed(*size, orientation, frames > 1)


def _webp_size(kind: bytes, data: bytes, body: int) -> tuple[int, int] | None:
    if kind == b"VP8X":  # two 24-bit numbers, each one less than the side
        sides = (data[body + 4 : body + 7], data[body + 7 : body + 10])
        return 1 + int.from_bytes(sides[0], "little"), 1 + int.from_bytes(sides[1], "little")
    if kind == b"VP8L":  # after the signature byte two 14-bit numbers, each one less than the side
        (bits,) = struct.unpack_from("<I", data, body + 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if (
        kind == b"VP8 "
    ):  # after the frame tag and start code two 14-bit sides, each with a 2-bit scale
        width, height = struct.unpack_from("<HH", data, body + 6)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _bmp(data: bytes) -> _Parsed:
    pixels, header_size = struct.unpack_from("<II", data, 10)
    compression, declared = 0, 0
    if header_size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, bits, compression, declared = struct.unpack_from("<iiHHII", data, 18)
    height = abs(height)  # negative where the rows run from top to bottom
    row_bytes = (width * bits + 31) // 32 * 4
    end = pixels + (declared if compression in _BMP_RLE else row_bytes * height)
    if end > len(data):
        raise _Damage(f"is truncated: {len(data)} of the {end} bytes its BMP header declares")
    return _Parsed(width, height)


def _tiff(data: bytes) -> _Parsed:
    fields: dict[int, Field] = {}
    for field in read_fields(data):
        if field.end > len(data):
            raise _Damage("is truncated: the TIFF ends before its directory does")
        fields.setdefault(field.tag, field)  # the first of two counts, as in libtiff

    def values(tag: int) -> tuple[int, ...]:
        return read_integers(data, fields[tag]) if tag in fields else ()

    starts, sizes = values(_STRIPS[0]), values(_STRIPS[1])
    if not starts:
        starts, sizes = values(_TILES[0]), values(_TILES[1])
    if not (starts and values(_WIDTH) and values(_HEIGHT)):
        raise _Damage("is damaged: the TIFF's first page declares no size or no pixels")
    # A size may be missing in files of the nineties; then only the start can be checked.
    ends = [start + size for start, size in zip(starts, sizes or [1] * len(starts), strict=False)]
    if max((*starts, *ends)) > len(data):
        raise _Damage("is truncated: the TIFF ends before its pixels do")
    compression = values(_COMPRESSION)
    if compression and compression[0] not in _TIFF_COMPRESSIONS:
        raise _Damage(f"is a TIFF of compression {compression[0]}, which cannot be read")
    if values(_SAMPLES_PER_PIXEL) == (2,):
        # OpenCV multiplies the grey by the alpha and drops the alpha: no way back to the picture.
        raise _Damage("is a grey TIFF with transparency, which cannot be read")
    orientation = valid_orientation(values(ORIENTATION))
    return _Parsed(values(_WIDTH)[0], values(_HEIGHT)[0], orientation, has_next_page(data))


_PARSERS: dict[str, Callable[[bytes], _Parsed]] = {
    "png": _png,
    "jpeg": _jpeg,
    "bmp": _bmp,
    "tiff": _tiff,
    "webp": _webp,
}
