"""The directory of a TIFF file, which is also how EXIF stores its values."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

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
