"""Picture headers: format, size and orientation, and whether the file is whole.

No pixel is decoded. Pillow cannot take the place of this module: without decoding it accepts most
cut JPEG, BMP and TIFF files, and with decoding still some cut or changed PNG files.
"""

import re
import struct
import zlib
from collections.abc import Callable

from capsule_inspect.choices import CAMERA_BITS, FILE_BITS
from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.avif import is_avif, read_avif_header
from capsule_inspect.imaging.bmp import is_bmp, read_bmp_header
from capsule_inspect.imaging.jpeg_markers import FRAMES, SOS
from capsule_inspect.imaging.netpbm import is_netpbm, read_netpbm_header
from capsule_inspect.imaging.picture import Header, Refusal
from capsule_inspect.imaging.tiff import EXIF_PREFIX, TIFF_SIGNATURES, exif_orientation
from capsule_inspect.imaging.tiff_forms import read_tiff_header

_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
"""A marker, but no stuffed zero, TEM, restart marker or fill byte."""
_SOI, _EOI, _APP1, _JPEG_LS = 0xD8, 0xD9, 0xE1, 0xF7


def read_jpeg_header(data: bytes) -> Header:
    """Walks the markers of a JPEG to the end of its image.

    Args:
        data: The whole file. It begins with SOI.

    Raises:
        Refusal: The file is truncated or damaged.
        struct.error: The file ends inside a marker's segment.
    """
    size: tuple[int, int] | None = None
    orientation, scan_seen, end_seen, position = 0, False, False, 2
    while match := _MARKER.search(data, position):
        marker, position = match[1][0], match.end()
        if marker == _EOI:
            end_seen = True
            break
        if marker == _JPEG_LS and size is None:
            raise Refusal("is a JPEG-LS file", "convert it to PNG")
        if marker == _SOI:
            raise Refusal("is damaged: a second JPEG begins before the first one ends")
        (length,) = struct.unpack_from(">H", data, position)
        end = position + length
        if end > len(data):
            break
        if marker in FRAMES and size is None:
            size = struct.unpack_from(">HH", data, position + 3)
        elif marker == _APP1 and data.startswith(EXIF_PREFIX, position + 2):
            # Skipped as a whole, so the markers of a thumbnail inside are not seen.
            orientation = orientation or exif_orientation(data[position + 2 : end])
        scan_seen |= marker == SOS
        position = end
    if not (end_seen and scan_seen):
        raise Refusal("is truncated: the JPEG ends before its end-of-image marker")
    if size is None:
        raise Refusal("is damaged: the JPEG declares no size")
    return Header("jpeg", size[1], size[0], orientation or 1)


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_png_header(data: bytes) -> Header:
    """Walks the chunks of a PNG to its end, and checks their CRCs.

    Args:
        data: The whole file. It begins with the signature.

    Raises:
        Refusal: The file is truncated or damaged.
        struct.error: The file ends inside a chunk's header.
    """
    view = memoryview(data)
    position, orientation, pixels_seen, more = len(PNG_SIGNATURE), 1, False, False
    bits: int | None = None
    clear: int | None = None
    length, kind, width, height = struct.unpack_from(">I4sII", data, position)
    if kind != b"IHDR" or length != 13:
        raise Refusal("is damaged: the PNG does not start with its header")
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise Refusal("is truncated: the PNG ends before its last chunk")
        (crc,) = struct.unpack_from(">I", data, end - 4)
        if zlib.crc32(view[position + 4 : end - 4]) != crc:
            raise Refusal(f"is damaged: the checksum of a PNG chunk at byte {position} is wrong")
        if kind == b"eXIf":
            orientation = exif_orientation(data[position + 8 : end - 4])
        elif kind == b"sBIT":
            bits = _significant_bits(data, position + 8, length)
        elif kind == b"tRNS":
            clear = _clear_level(data, position + 8)
        elif kind == b"acTL":
            more = struct.unpack_from(">I", data, position + 8) > (1,)
        pixels_seen |= kind == b"IDAT"
        position = end
    if not pixels_seen:
        raise Refusal("is damaged: the PNG holds no pixels")
    return Header("png", width, height, orientation, more, bits=bits, clear_level=clear)


_DEPTH_AT, _COLOUR_TYPE_AT = 24, 25
_GREY, _HAS_ALPHA = 0, 4
"""Colour types of a PNG: grey, and the bit that stands for alpha, whose values come last."""


def _significant_bits(data: bytes, start: int, length: int) -> int | None:
    """Returns what sBIT says of the colours of a PNG of 16 bits (PNG 3, 11.3.2.6)."""
    colours = data[start : start + length]
    if data[_COLOUR_TYPE_AT] & _HAS_ALPHA:
        colours = colours[:-1]
    bits = max(colours, default=0)
    return bits if data[_DEPTH_AT] == FILE_BITS and bits in CAMERA_BITS else None


_ANIMATION = {b"acTL", b"fcTL", b"fdAT"}


def without_animation(data: bytes) -> bytes:
    """Returns a PNG without the chunks of an animation, so that its default picture is decoded.

    Decoders take the first frame, which can show something else.

    Args:
        data: The whole file; `read_png_header` takes it.
    """
    kept, position = [data[: len(PNG_SIGNATURE)]], len(PNG_SIGNATURE)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind not in _ANIMATION:
            kept.append(data[position:end])
        position = end
        if kind == b"IEND":
            break
    return b"".join(kept)


def read_webp_header(data: bytes) -> Header:
    """Walks the chunks of a WebP to its declared end.

    Args:
        data: The whole file. It begins with RIFF.

    Raises:
        Refusal: The file is truncated or damaged.
        struct.error: The file ends inside the header of its pixels.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise Refusal(f"is truncated: {len(data)} of the {end} bytes its WebP header declares")
    size: tuple[int, int] | None = None
    position, orientation, pixels_seen, frames = 12, 1, False, 0
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        body, position = position + 8, position + 8 + length + length % 2
        if body + length > end:
            raise Refusal("is damaged: a WebP chunk is longer than the file")
        if kind == b"EXIF":
            orientation = exif_orientation(data[body : body + length])
        size = size or _read_size(kind, data, body)
        pixels_seen |= kind in {b"VP8 ", b"VP8L", b"ANMF"}
        frames += kind == b"ANMF"
    if size is None or not pixels_seen:
        raise Refusal("is damaged: the WebP holds no pixels")
    return Header("webp", *size, orientation, frames > 1)


def _read_size(kind: bytes, data: bytes, body: int) -> tuple[int, int] | None:
    """Returns width and height if a chunk declares them.

    Args:
        kind: The four letters of the chunk.
        data: The whole file.
        body: Where the content of the chunk begins.
    """
    if kind == b"VP8X":  # two 24-bit numbers, each one less than the side
        sides = (data[body + 4 : body + 7], data[body + 7 : body + 10])
        return 1 + int.from_bytes(sides[0], "little"), 1 + int.from_bytes(sides[1], "little")
    if kind == b"VP8L":  # after the signature byte two 14-bit numbers, each one less than the side
        (bits,) = struct.unpack_from("<I", data, body + 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        # After the frame tag and start code two 14-bit sides, each with a 2-bit scale.
        width, height = struct.unpack_from("<HH", data, body + 6)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _clear_level(data: bytes, start: int) -> int | None:
    """Returns the level of a grey PNG that is transparent, as decoders scale it (PNG 3, 11.3.1.1).

    They turn the transparent colour of an RGB picture into alpha, but not that of a grey one.
    """
    if data[_COLOUR_TYPE_AT] != _GREY:
        return None
    (level,) = struct.unpack_from(">H", data, start)
    depth = data[_DEPTH_AT]
    return int(level * 255 // (2**depth - 1) if depth < 8 else level)


_READERS: dict[str, Callable[[bytes], Header]] = {
    "png": read_png_header,
    "jpeg": read_jpeg_header,
    "bmp": read_bmp_header,
    "tiff": read_tiff_header,
    "webp": read_webp_header,
    "pnm": read_netpbm_header,
    "avif": read_avif_header,
}

_FOREIGN = (
    (0, b"GIF8", "GIF"),
    (0, b"%PDF", "PDF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"II+\0", "BigTIFF"),
    (0, b"MM\0+", "BigTIFF"),
    (4, b"ftypcrx ", "camera raw"),
    (4, b"ftyp", "HEIC, AVIF or video"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"JXL \r\n\x87\n", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (128, b"DICM", "DICOM"),
    (0, b"FUJIFILMCCD-RAW", "camera raw"),
    (0, b"IIRO", "camera raw"),
    (0, b"IIU\0", "camera raw"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"qoif", "QOI"),
    (0, b"PK\x03\x04", "ZIP or Office"),
)
"""The place of a foreign format's mark, the mark, and the format's common name."""
_NETPBM = re.compile(rb"P[1-7]\s+(?:#[^\n]*\n\s*)*(?:\d|WIDTH)")
"""Two letters that a text may begin with as well, and the width; `netpbm` reads some of these."""


def read_header(data: bytes, name: str) -> Header:
    """Reads the header of a picture and checks that the file is whole.

    It finds truncation in every format. It walks the chunks of a PNG to IEND and checks their
    CRCs, and the markers of a JPEG to the end of the image. The sizes that a BMP, a WebP and the
    first page of a TIFF declare must fit the file, and so must the pixels of a PGM or PPM and the
    boxes of an AVIF. Bytes after the end are ignored.

    It does not find:

    - changed bytes in the pixels of other formats than PNG. A decoder may find them, but a JPEG
      decodes with wrong colours and a TIFF with black;
    - a forged end marker after a cut JPEG;
    - a cut in a run-length BMP or a TIFF that does not declare the size of its data;
    - a strip of LZW or CCITT in a TIFF that holds fewer rows than it must. Raw ones, Deflate and
      PackBits are counted; `decode_picture` counts LZW.

    Args:
        data: The whole file.
        name: The file's name in messages.

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
    for picture_format, is_one in _FORMATS.items():
        if is_one(data):
            return picture_format
    raise _refusal(data)


_FORMATS: dict[str, Callable[[bytes], bool]] = {
    "png": lambda data: data.startswith(PNG_SIGNATURE),
    "jpeg": lambda data: data.startswith(b"\xff\xd8\xff"),
    "tiff": lambda data: data.startswith(TIFF_SIGNATURES),
    "webp": lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP",
    "bmp": is_bmp,
    "avif": is_avif,
    "pnm": is_netpbm,
}


def _refusal(data: bytes) -> Refusal:
    """Returns why content of no format that can be read is refused."""
    if not data:
        return Refusal("is empty (0 bytes)")
    for position, mark, foreign in _FOREIGN:
        if data.startswith(mark, position):
            return Refusal(f"is a {foreign} file", "convert it to PNG or JPEG")
    if _NETPBM.match(data):
        return Refusal("is a PGM, PPM or PBM file", "convert it to PNG")
    return Refusal(
        "is not a picture: its content is no PNG, JPEG, BMP, TIFF, WebP, PGM, PPM or AVIF",
        "leave it out, or convert it to PNG",
    )
