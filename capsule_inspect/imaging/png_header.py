"""The header of a PNG, and whether the file is whole: ISO/IEC 15948, clauses 5 and 11."""

import struct
import zlib

from capsule_inspect.imaging.exif import exif_orientation
from capsule_inspect.imaging.header import Header
from capsule_inspect.imaging.refusal import Refusal

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_png_header(data: bytes) -> Header:
    """Walks the chunks of a PNG to its end, and checks their CRCs.

    Args:
        data: The whole file, which begins with the signature.

    Raises:
        Refusal: The file is truncated or damaged.
        struct.error: The file ends inside a chunk's header.
    """
    view = memoryview(data)
    position, orientation, pixels_seen, more = len(PNG_SIGNATURE), 1, False, False
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
        elif kind == b"acTL":
            more = struct.unpack_from(">I", data, position + 8) > (1,)
        pixels_seen |= kind == b"IDAT"
        position = end
    if not pixels_seen:
        raise Refusal("is damaged: the PNG holds no pixels")
    return Header("png", width, height, orientation, more)
