"""The header of a BMP, and whether the file is whole: Microsoft's BITMAPINFOHEADER and kin."""

import struct

from capsule_inspect.imaging.header import Header
from capsule_inspect.imaging.refusal import Refusal

_CORE_HEADER_SIZE = 12
"""Of OS/2's BITMAPCOREHEADER, whose sides have 16 bits; all later headers begin alike."""
_RUN_LENGTHS = {1, 2}
"""BI_RLE8 and BI_RLE4, of which only the header says how many bytes they take."""


def read_bmp_header(data: bytes) -> Header:
    """Works out where the pixels of a BMP end.

    Args:
        data: The whole file, which begins with BM.

    Raises:
        Refusal: The file is truncated.
        struct.error: The file ends inside its header.
    """
    pixels, header_size = struct.unpack_from("<II", data, 10)
    compression, declared = 0, 0
    if header_size == _CORE_HEADER_SIZE:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, bits, compression, declared = struct.unpack_from("<iiHHII", data, 18)
    height = abs(height)  # negative where the rows run from top to bottom
    row_bytes = (width * bits + 31) // 32 * 4
    end = pixels + (declared if compression in _RUN_LENGTHS else row_bytes * height)
    if end > len(data):
        raise Refusal(f"is truncated: {len(data)} of the {end} bytes its BMP header declares")
    return Header("bmp", width, height)
