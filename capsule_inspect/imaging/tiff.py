"""TIFF directories, and the Exif orientation that other formats keep in one."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from capsule_inspect.imaging.picture import CONVERT, Header, Refusal

TIFF_SIGNATURES = (b"II*\0", b"MM\0*")
"""How a TIFF begins, with little and with big end first."""

_TYPE_SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), start=1))
"""Bytes per value of field types 1 to 12 (TIFF 6.0, p. 15 and 16) and of 13, IFD (supplement 1)."""
_INTEGERS = {1: "B", 3: "H", 4: "I"}
"""`struct` codes of BYTE, SHORT and LONG, the unsigned integers."""


class Field(NamedTuple):
    """One entry of a directory.

    Attributes:
        tag: What the values mean.
        kind: Their type, 1 to 13; other numbers occur in damaged files.
        number: How many there are.
        position: Where in the data they begin, in bytes.
    """

    tag: int
    kind: int
    number: int
    position: int

    @property
    def end(self) -> int:
        """Where in the data the values end."""
        return self.position + self.number * _TYPE_SIZES.get(self.kind, 0)


def read_fields(data: bytes) -> Iterator[Field]:
    """Yields the fields of a TIFF's first directory.

    Args:
        data: From the signature on.

    Raises:
        struct.error: The data end before the directory does.
    """
    order = _order(data)
    first, end = _entries(data)
    for entry in range(first, end, 12):
        tag, kind, number, pointer = struct.unpack_from(order + "HHII", data, entry)
        inline = number * _TYPE_SIZES.get(kind, 0) <= 4
        yield Field(tag, kind, number, entry + 8 if inline else pointer)
    # The pointer to the next directory ends this one; without it the file was cut.
    has_next_page(data)


def has_next_page(data: bytes) -> bool:
    """Tells whether a second directory follows the first.

    Args:
        data: From the signature on.

    Raises:
        struct.error: The data end before the first directory does.
    """
    _, end = _entries(data)
    return struct.unpack_from(_order(data) + "I", data, end) != (0,)


def read_integers(data: bytes, field: Field) -> tuple[int, ...]:
    """Returns a field's values; none unless they are unsigned integers of up to 32 bits.

    Args:
        data: From the signature on.
        field: One that `read_fields` found there.

    Raises:
        struct.error: The data end before the values do.
    """
    if field.kind not in _INTEGERS:
        return ()
    code = f"{_order(data)}{field.number}{_INTEGERS[field.kind]}"
    return struct.unpack_from(code, data, field.position)


def _entries(data: bytes) -> tuple[int, int]:
    """Returns where the entries of the first directory begin and end."""
    order = _order(data)
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, directory)
    return directory + 2, directory + 2 + 12 * count


def _order(data: bytes) -> str:
    return "<" if data.startswith(b"II") else ">"


ORIENTATION = 0x0112
"""The tag of the orientation, in an EXIF block as in a TIFF."""
EXIF_PREFIX = b"Exif\0\0"
"""What begins the APP1 segment of a JPEG that holds EXIF; elsewhere it is optional."""


def exif_orientation(exif: bytes) -> int:
    """Returns the orientation in an EXIF block; 1 for a damaged one, which spoils no picture."""
    tiff = exif.removeprefix(EXIF_PREFIX)
    if not tiff.startswith(TIFF_SIGNATURES):
        return 1
    try:
        for field in read_fields(tiff):
            if field.tag == ORIENTATION:
                return valid_orientation(read_integers(tiff, field))
    except struct.error:
        pass
    return 1


def valid_orientation(values: tuple[int, ...]) -> int:
    """Returns the EXIF orientation that values give; 1 unless they are one number from 1 to 8."""
    return values[0] if len(values) == 1 and 1 <= values[0] <= 8 else 1


_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES_PER_PIXEL = 256, 257, 259, 277
_STRIPS, _TILES = (273, 279), (324, 325)
"""Tags of where the pieces of a picture begin, and of how many bytes each has."""
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""None, CCITT, LZW, JPEG, Deflate (two numbers) and PackBits. Of a TIFF compressed in another way
OpenCV can return a black picture without a word."""


def read_tiff_header(data: bytes) -> Header:
    """Reads the first directory of a TIFF, and checks that all it points to is in the file.

    Args:
        data: The whole file, which begins with one of `TIFF_SIGNATURES`.

    Raises:
        Refusal: The file is truncated, damaged or of a kind that cannot be read.
        struct.error: The file ends inside its directory.
    """
    fields: dict[int, Field] = {}
    for field in read_fields(data):
        if field.end > len(data):
            raise Refusal("is truncated: the TIFF ends before its directory does")
        fields.setdefault(field.tag, field)  # the first of two counts, as in libtiff

    def values(tag: int) -> tuple[int, ...]:
        return read_integers(data, fields[tag]) if tag in fields else ()

    starts, sizes = values(_STRIPS[0]), values(_STRIPS[1])
    if not starts:
        starts, sizes = values(_TILES[0]), values(_TILES[1])
    if not (starts and values(_WIDTH) and values(_HEIGHT)):
        raise Refusal("is damaged: the TIFF's first page declares no size or no pixels")
    # A size may be missing in files of the nineties; then only the start can be checked.
    ends = [start + size for start, size in zip(starts, sizes or [1] * len(starts), strict=False)]
    if max((*starts, *ends)) > len(data):
        raise Refusal("is truncated: the TIFF ends before its pixels do")
    compression = values(_COMPRESSION)
    if compression and compression[0] not in _COMPRESSIONS:
        raise Refusal(f"is a TIFF of compression {compression[0]}, which cannot be read", CONVERT)
    if values(_SAMPLES_PER_PIXEL) == (2,):
        # OpenCV multiplies the grey by the alpha and drops the alpha: no way back to the picture.
        raise Refusal("is a grey TIFF with transparency, which cannot be read", CONVERT)
    orientation = valid_orientation(values(ORIENTATION))
    return Header("tiff", values(_WIDTH)[0], values(_HEIGHT)[0], orientation, has_next_page(data))
