"""TIFF directories, and the EXIF orientation, which other formats keep in one too."""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from capsule_inspect.imaging.picture import Refusal

TIFF_SIGNATURES = (b"II*\0", b"MM\0*")
"""The first bytes of a little-endian and of a big-endian TIFF."""

_TYPE_SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), start=1))
"""Bytes per value of field types 1 to 12 (TIFF 6.0, p. 15 and 16) and of 13, IFD (supplement 1)."""
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}
"""`struct` codes of the integers. libtiff takes each of them for any tag that is a number."""


class Tag(IntEnum):
    """Tags of the fields that matter here (TIFF 6.0, p. 117; 330 and 50706 are of Adobe)."""

    SUBFILE = 254
    OLD_SUBFILE = 255
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    DESCRIPTION = 270
    STRIP_STARTS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_SIZES = 279
    MAX_SAMPLE_VALUE = 281
    PLANAR = 284
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_STARTS = 324
    TILE_SIZES = 325
    SUB_DIRECTORIES = 330
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    SUBSAMPLING = 530
    DNG_VERSION = 50706


class Photometric(IntEnum):
    """What the values of a picture mean; values of `Tag.PHOTOMETRIC`."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    CMYK = 5
    YCBCR = 6


PLANES_APART = 2
"""The value of `Tag.PLANAR` for one plane after the other."""


class Field(NamedTuple):
    """One entry of a directory.

    Attributes:
        tag: The meaning of the values.
        kind: Their type, 1 to 13. Damaged files hold other numbers.
        number: The number of values.
        position: Where they begin in the data, in bytes.
    """

    tag: int
    kind: int
    number: int
    position: int

    @property
    def end(self) -> int:
        """Where the values end in the data."""
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
    # A directory ends with the pointer to the next one. Without it, the file was cut.
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
    """Returns the values of a field; none if they are not integers of up to 32 bits.

    Args:
        data: From the signature on.
        field: A field that `read_fields` found there.

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


class Directory:
    """The first directory of a TIFF, by its tags.

    Args:
        data: The whole file. It begins with one of `TIFF_SIGNATURES`.

    Raises:
        Refusal: Values lie behind the end of the file.
        struct.error: The file ends inside its directory.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._fields: dict[int, Field] = {}
        for field in read_fields(data):
            if field.end > len(data):
                raise Refusal("is truncated: the TIFF ends before its directory does")
            self._fields.setdefault(field.tag, field)  # the first of two counts, as in libtiff

    def values(self, tag: int) -> tuple[int, ...]:
        """Returns the whole numbers of a tag; none without it."""
        return read_integers(self._data, self._fields[tag]) if tag in self._fields else ()

    def first(self, tag: int, default: int) -> int:
        """Returns the first number of a tag, or the default without one."""
        return (self.values(tag) or (default,))[0]

    def text(self, tag: int) -> bytes:
        """Returns the bytes of a tag; none without it."""
        field = self._fields.get(tag)
        return self._data[field.position : field.end] if field else b""


EXIF_PREFIX = b"Exif\0\0"
"""The first bytes of an APP1 segment with EXIF in a JPEG. Other formats may leave them out."""


def exif_orientation(exif: bytes) -> int:
    """Returns the orientation in an EXIF block; 1 for a damaged one, since the picture is whole."""
    tiff = exif.removeprefix(EXIF_PREFIX)
    if not tiff.startswith(TIFF_SIGNATURES):
        return 1
    try:
        for field in read_fields(tiff):
            if field.tag == Tag.ORIENTATION:
                return valid_orientation(read_integers(tiff, field))
    except struct.error:
        pass
    return 1


def valid_orientation(values: tuple[int, ...]) -> int:
    """Returns the EXIF orientation; 1 unless the values are one number from 1 to 8."""
    return values[0] if len(values) == 1 and 1 <= values[0] <= 8 else 1


def with_orientation_1(data: bytes) -> bytes:
    """Returns a TIFF that says it is upright, whatever it said before.

    libtiff turns some pictures by their orientation, and tiles one by one.

    Args:
        data: The whole file; `read_fields` takes it.
    """
    order, (first, end) = _order(data), _entries(data)
    upright = struct.pack(order + "HHIHH", Tag.ORIENTATION, 3, 1, 1, 0)
    (tag,) = struct.unpack_from("2s", upright)
    turned = [
        entry
        for entry in range(first, end, 12)
        if data.startswith(tag, entry) and not data.startswith(upright, entry)
    ]
    if not turned:
        return data
    changed = bytearray(data)
    for entry in turned:
        changed[entry : entry + 12] = upright
    return bytes(changed)
