"""BMP files: the header, and two kinds that OpenCV reads wrongly: that of OS/2, and 16 bits."""

import struct

import numpy as np

from capsule_inspect.imaging.picture import CONVERT, Header, Refusal

_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}
"""Bytes of the information header in every published version of BMP."""

_CORE_HEADER_SIZE = 12
"""Of OS/2's BITMAPCOREHEADER, whose sides have 16 bits; all later headers begin alike."""
_BIT_FIELDS = 3
_OS2_HEADER_SIZE = 64
"""Of OS/2 version 2, where 3 is a compression of black and white."""
_USUAL_MASKS = (0xFF0000, 0xFF00, 0xFF)
"""Of red, green and blue. With headers of these sizes, OpenCV takes any others for these:"""
_HEADERS_WITHOUT_MASKS = {40, 52}
_MASKS_AT = 54
_MASKS_OF_5_BITS = (0x7C00, 0x3E0, 0x1F)
"""Those of 16 bits without masks."""
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
        Refusal: The file is truncated, damaged, or of an unsupported kind.
        struct.error: The file ends inside its header.
    """
    pixels, header_size = struct.unpack_from("<II", data, 10)
    compression, declared = 0, 0
    if header_size == _CORE_HEADER_SIZE:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, bits, compression, declared = struct.unpack_from("<iiHHII", data, 18)
    if pixels < 14 + header_size:
        raise Refusal("is damaged: its pixels begin inside its BMP header")
    if compression == _BIT_FIELDS and header_size != _OS2_HEADER_SIZE:
        masks = struct.unpack_from("<III", data, _MASKS_AT)
        is_rare = bits == 32 and header_size in _HEADERS_WITHOUT_MASKS and masks != _USUAL_MASKS
        if is_rare or (bits == 16 and not all(map(_is_mask_of_16, masks))):
            raise Refusal("is a BMP with channels in a rare order, which cannot be read", CONVERT)
    height = abs(height)  # negative if the rows run from top to bottom
    row_bytes = (width * bits + 31) // 32 * 4
    end = pixels + (declared if compression in _RUN_LENGTHS else row_bytes * height)
    if end > len(data):
        raise Refusal(f"is truncated: {len(data)} of the {end} bytes its BMP header declares")
    return Header("bmp", width, height)


def _is_mask_of_16(mask: int) -> bool:
    """Tells whether a mask is one run of bits among 16."""
    return 0 < mask < 2**16 and "01" not in f"{mask:b}"


def for_opencv(data: bytes) -> bytes:
    """Returns a BMP in a form that OpenCV reads rightly.

    That is a header of 40 bytes in place of that of OS/2, and 24 bits in place of 16, of which
    OpenCV shows white as 248.

    Args:
        data: The whole file; `read_bmp_header` takes it.
    """
    (size,) = struct.unpack_from("<I", data, 14)
    if size == _CORE_HEADER_SIZE:
        return for_opencv(_with_long_header(data))
    bits, compression = struct.unpack_from("<HI", data, 28)
    if bits == 16 and compression == 0:
        return _of_24_bits(data, _MASKS_OF_5_BITS)
    if bits == 16 and compression == _BIT_FIELDS and size != _OS2_HEADER_SIZE:
        return _of_24_bits(data, struct.unpack_from("<III", data, _MASKS_AT))
    return data


def _of_24_bits(data: bytes, masks: tuple[int, ...]) -> bytes:
    """Returns a BMP of 16 bits as one of 24; the most of each channel becomes 255."""
    (start,) = struct.unpack_from("<I", data, 10)
    width, height = struct.unpack_from("<ii", data, 18)
    row = (width + 1) // 2 * 2  # padded to four bytes
    words = np.frombuffer(data, "<u2", row * abs(height), start).reshape(-1, row)[:, :width]
    pixels = np.zeros((abs(height), (3 * width + 3) // 4 * 4), np.uint8)
    for place, mask in enumerate(reversed(masks)):  # blue comes first
        lowest = mask & -mask
        values = (words & mask) // lowest
        pixels[:, place : 3 * width : 3] = np.rint(values * (255 / (mask // lowest)))
    return _with_info_header(width, height, 24, b"", pixels.tobytes())


def _with_long_header(data: bytes) -> bytes:
    """Returns a BMP of OS/2 with a header of 40 bytes."""
    pixels, size = struct.unpack_from("<II", data, 10)
    width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    # Entries of a palette have three bytes, and get a fourth.
    palette = data[14 + size : pixels] if bits <= 8 else b""
    entries = min(len(palette) // 3, 1 << bits)
    longer = b"".join(palette[3 * n : 3 * n + 3] + b"\0" for n in range(entries))
    return _with_info_header(width, height, bits, longer, data[pixels:])


def _with_info_header(width: int, height: int, bits: int, palette: bytes, rows: bytes) -> bytes:
    colours = len(palette) // 4
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, colours, 0)
    start = 14 + len(header) + len(palette)
    file = struct.pack("<2sIHHI", b"BM", (start + len(rows)) % 2**32, 0, 0, start)
    return file + header + palette + rows
