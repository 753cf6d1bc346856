"""AVIF headers: a tree of boxes (ISO/IEC 14496-12), of which few say what a picture is."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from capsule_inspect.choices import CAMERA_BITS
from capsule_inspect.imaging.picture import CONVERT, Header, Refusal


class _Box(NamedTuple):
    """A box: its four letters, and where its content lies."""

    kind: bytes
    start: int
    end: int


_SAVE_AGAIN = "save it again, or convert it to PNG"
_PATH = (b"meta", b"iprp", b"ipco")
"""The boxes around the properties, from the outside in."""
_VERSION = 4
"""Bytes of version and flags at the beginning of some boxes."""
_FLAGS_AT, _DEEP, _TWELVE_BITS, _GREY = 2, 0x40, 0x20, 0x10
"""The byte of `av1C` that holds the depth, and its bits (AV1 in ISOBMFF, 2.3)."""
_RANGE_AT, _FULL = 10, 0x80
"""The byte of `colr` with nclx that holds the range, and its bit (ISO/IEC 14496-12, 12.1.5)."""
_TURNS = (1, 8, 3, 6)
"""The EXIF orientation of each turn of `irot`, in quarters against the clock."""


def is_avif(data: bytes) -> bool:
    """Tells whether content is an AVIF: its first box lists the brands it is readable as."""
    if data[4:8] != b"ftyp":
        return False
    brands = data[8 : int.from_bytes(data[:4], "big")]
    return any(brands[i : i + 4] in {b"avif", b"avis"} for i in range(0, len(brands), 4))


def read_avif_header(data: bytes) -> Header:
    """Reads the properties of an AVIF's picture, and checks that its boxes are whole.

    Args:
        data: The whole file; `is_avif` takes it.

    Raises:
        Refusal: The file is truncated, damaged, or of an unsupported kind.
        struct.error: The file ends inside a box's header.
    """
    if data[8:12] == b"avis":
        raise Refusal("is an AVIF sequence", CONVERT)
    properties = list(_properties(data))
    kinds = {box.kind for box in properties}
    if kinds & {b"imir", b"clap"}:
        raise Refusal("is an AVIF that mirrors or cuts its picture, which cannot be read", CONVERT)
    sizes = [
        struct.unpack_from(">II", data, box.start + _VERSION) for box in _of(properties, b"ispe")
    ]
    if not sizes:
        raise Refusal("is damaged: the AVIF declares no size", _SAVE_AGAIN)
    turns = {data[box.start] & 3 for box in _of(properties, b"irot")} or {0}
    if len(turns) > 1:
        raise Refusal("is an AVIF of several turned pictures, which cannot be read", CONVERT)
    streams = [_byte(data, box.start + _FLAGS_AT) for box in _of(properties, b"av1C")]
    if not streams:
        raise Refusal("is damaged: the AVIF declares no AV1 stream", _SAVE_AGAIN)
    if all(flags & _GREY for flags in streams) and not _is_full_range(data, properties):
        # OpenCV shows black as 16 and white as 235.
        raise Refusal("is a grey AVIF of limited range, which cannot be read", CONVERT)
    bits = max(_depth(flags) for flags in streams)
    width, height = max(sizes)
    white = 2**bits - 1 if bits in CAMERA_BITS else None
    return Header("avif", width, height, _TURNS[turns.pop()], white=white)


def _byte(data: bytes, position: int) -> int:
    return int(struct.unpack_from(">B", data, position)[0])


def _depth(flags: int) -> int:
    return (12 if flags & _TWELVE_BITS else 10) if flags & _DEEP else 8


def _is_full_range(data: bytes, properties: list[_Box]) -> bool:
    """Tells whether each box of colours says that values go from 0 to the most of their bits."""
    colours = [box.start for box in _of(properties, b"colr")]
    ranges = [
        _byte(data, start + _RANGE_AT) for start in colours if data.startswith(b"nclx", start)
    ]
    return bool(ranges) and all(value & _FULL for value in ranges)


def _of(boxes: list[_Box], kind: bytes) -> list[_Box]:
    return [box for box in boxes if box.kind == kind]


def _properties(data: bytes) -> Iterator[_Box]:
    """Yields the boxes that say what the pictures of the file are."""
    start, end = 0, len(data)
    for kind in _PATH:
        inside = _of(list(_boxes(data, start, end)), kind)
        if not inside:
            raise Refusal(f"is damaged: the AVIF has no box `{kind.decode()}`", _SAVE_AGAIN)
        _, start, end = inside[0]
        start += _VERSION if kind == b"meta" else 0
    return _boxes(data, start, end)


def _boxes(data: bytes, position: int, limit: int) -> Iterator[_Box]:
    while position < limit:
        size, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = position + size if size else limit
        if end > limit or end < start:
            raise Refusal(f"is truncated: its box `{kind.decode('latin-1')}` ends after the file")
        yield _Box(kind, start, end)
        position = end
