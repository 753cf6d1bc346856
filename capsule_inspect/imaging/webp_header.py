"""The header of a WebP, and whether the file is whole: RFC 9649, section 2."""

import struct

from capsule_inspect.imaging.exif import exif_orientation
from capsule_inspect.imaging.header import Header
from capsule_inspect.imaging.refusal import Refusal


def read_webp_header(data: bytes) -> Header:
    """Walks the chunks of a WebP to the end it declares.

    Args:
        data: The whole file, which begins with RIFF.

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
    """Returns width and height, if the chunk whose body begins there declares them."""
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
