"""PGM and PPM files in binary, which industrial cameras write."""

import re

from capsule_inspect.choices import CAMERA_BITS, FILE_BITS
from capsule_inspect.imaging.picture import CONVERT, Header, Refusal

_SPACE = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P([56])" + 3 * (_SPACE + rb"(\d{1,9})") + rb"\s")
"""Letters, width, height and highest value; then one white space, and the pixels."""
_BYTE = 255


def is_netpbm(data: bytes) -> bool:
    """Tells whether content is a binary PGM or PPM, and no text that begins like one."""
    return _HEADER.match(data) is not None


def read_netpbm_header(data: bytes) -> Header:
    """Reads the header of a PGM or PPM, and checks that the pixels are there.

    Args:
        data: The whole file; `is_netpbm` takes it.

    Raises:
        Refusal: The file is truncated, or its highest value is not that of whole bits.
    """
    header = _HEADER.match(data)
    if header is None:
        raise Refusal("is no PGM or PPM")
    channels = 1 if header[1] == b"5" else 3
    width, height, highest = map(int, header.groups()[1:])
    bits = highest.bit_length()
    if highest != _BYTE and not (bits in CAMERA_BITS and highest == 2**bits - 1):
        # OpenCV hands on the values as they are stored, whatever the highest is.
        raise Refusal(f"has values from 0 to {highest}, which cannot be read", CONVERT)
    size = width * height * channels * (1 if highest == _BYTE else 2)
    if len(data) < header.end() + size:
        raise Refusal("is truncated: the file ends before its pixels do")
    if _ends_in_two(data, header) and len(data) != header.end() + 1 + size:
        raise Refusal("ends its header in CR and LF, so its pixels may begin at either", CONVERT)
    # Cameras of fewer bits declare 65535, too.
    is_sure = _BYTE < highest < 2**FILE_BITS - 1
    return Header("pnm", width, height, white=highest if is_sure else None)


def for_opencv(data: bytes) -> bytes:
    """Returns a PGM or PPM with one character between header and pixels, as OpenCV wants it.

    Args:
        data: The whole file; `read_netpbm_header` takes it.
    """
    header = _HEADER.match(data)
    if header is None or not _ends_in_two(data, header):
        return data
    return data[: header.end()] + data[header.end() + 1 :]


def _ends_in_two(data: bytes, header: re.Match[bytes]) -> bool:
    """Tells whether a header ends in CR and LF, as Windows writes lines."""
    return data[header.end() - 1 : header.end() + 1] == b"\r\n"
