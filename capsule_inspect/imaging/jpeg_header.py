"""The header of a JPEG, and whether the file is whole: ITU-T T.81, annex B."""

import re
import struct

from capsule_inspect.imaging.exif import EXIF_PREFIX, exif_orientation
from capsule_inspect.imaging.header import Header
from capsule_inspect.imaging.refusal import Refusal

_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
"""A marker with a meaning here: not a stuffed zero, TEM, a restart marker or a fill byte."""
_SOI, _EOI, _SOS, _APP1 = 0xD8, 0xD9, 0xDA, 0xE1
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start of frame, C0 to CF without DHT (C4), JPG (C8) and DAC (CC): table B.1."""


def read_jpeg_header(data: bytes) -> Header:
    """Walks the markers of a JPEG to the end of its image.

    Args:
        data: The whole file, which begins with SOI.

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
        if marker == _SOI:
            raise Refusal("is damaged: a second JPEG begins before the first one ends")
        (length,) = struct.unpack_from(">H", data, position)
        end = position + length
        if end > len(data):
            break
        if marker in _FRAMES and size is None:
            size = struct.unpack_from(">HH", data, position + 3)
        elif marker == _APP1 and data.startswith(EXIF_PREFIX, position + 2):
            # Skipped as a whole, so that the markers of a thumbnail inside are never seen.
            orientation = orientation or exif_orientation(data[position + 2 : end])
        scan_seen |= marker == _SOS
        position = end
    if not (end_seen and scan_seen):
        raise Refusal("is truncated: the JPEG ends before its end-of-image marker")
    if size is None:
        raise Refusal("is damaged: the JPEG declares no size")
    return Header("jpeg", size[1], size[0], orientation or 1)
