"""BMP files: the header, and the oldest kind, which OpenCV reads without colour."""

import struct

from capsule_inspect.imaging.picture import CONVERT, Header, Refusal

_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}
"""Bytes of the information header in every published version of BMP."""

_CORE_HEADER_SIZE = 12
"""Of OS/2's BITMAPCOREHEADER, whose sides have 16 bits; all later headers begin alike."""
_INFO_HEADER_SIZE, _BIT_FIELDS = 40, 3
_USUAL_MASKS = (0xFF0000, 0xFF00, 0xFF)
"""Of red, green and blue. With this header, OpenCV takes any others for these."""
_RUN_LENGTHS = {1, 2}
"""BI_RLE8 and BI_RLE4. Only the header says how many bytes their pixels take."""


def is_bmp(data: bytes) -> bool:
    """Tells whether a file begins as a BMP does, and not only with the same two letters."""
    return data.startswith(b"BM") and int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES


def read_bmp_header(data: bytes) -> Header:
    """Reads the header of a BMP, and checks that its pixels are all there.

    Args:
        data: The whole file. It begins with BM.

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
    if header_size == _INFO_HEADER_SIZE and compression == _BIT_FIELDS and bits == 32:
        masks = struct.unpack_from("<III", data, 14 + header_size)
        if masks != _USUAL_MASKS:
            raise Refusal("is a BMP with channels in a rare order, which cannot be read", CONVERT)
    height = abs(height)  # negative if the rows run from top to bottom
    row_bytes = (width * bits + 31) // 32 * 4
    end = pixels + (declared if compression in _RUN_LENGTHS else row_bytes * height)
    if end > len(data):
        raise Refusal(f"is truncated: {len(data)} of the {end} bytes its BMP header declares")
    return Header("bmp", width, height)


def with_long_header(data: bytes) -> bytes:
    """Returns a BMP with a header of 40 bytes in place of that of OS/2; others as they are.

    Args:
        data: The whole file; `read_bmp_header` takes it.
    """
    pixels, size = struct.unpack_from("<II", data, 10)
    if size != _CORE_HEADER_SIZE:
        return data
    width, height, planes, bits = struct.unpack_from("<HHHH", data, 18)
    # Entries of a palette have three bytes, and get a fourth.
    palette = data[14 + size : pixels] if bits <= 8 else b""
    entries = min(len(palette) // 3, 1 << bits)
    longer = b"".join(palette[3 * n : 3 * n + 3] + b"\0" for n in range(entries))
    header = struct.pack("<IiiHHIIiiII", 40, width, height, planes, bits, 0, 0, 0, 0, entries, 0)
    start = 14 + len(header) + len(longer)
    rows = data[pixels:]
    return struct.pack("<2sIHHI", b"BM", start + len(rows), 0, 0, start) + header + longer + rows
