"""The directory of a TIFF file, which is also how EXIF stores its values."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

TIFF_SIGNATURES = (b"II*\0", b"MM\0*")
ORIENTATION = 274
"""The tag of the EXIF orientation."""

EXIF_PREFIX = b"Exif\0\0"
# Bytes per value of field types 1 to 13, and struct codes of the integers: TIFF 6.0, p. 15.
_TYPE_SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), start=1))
_INTEGERS = {1: "B", 3: "H", 4: "I"}


class Field(NamedTuple):
    """One entry of a directory.

    Attributes:
        tag: What the values mean.
        kind: Their type.
        number: How many there are.
        position: Where in the data they begin.
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

    Raises:
        struct.error: The data end before the first directory does.
    """
    _, end = _entries(data)
    return struct.unpack_from(_order(data) + "I", data, end) != (0,)


def read_integers(data: bytes, field: Field) -> tuple[int, ...]:
    """Returns a field's values; none unless they are integers of up to 32 bits."""
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
