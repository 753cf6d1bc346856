"""The strips or tiles of a TIFF: whether they hold all of its pixels."""

import itertools
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from capsule_inspect.imaging.jpeg_markers import FRAMES, SOS
from capsule_inspect.imaging.picture import CONVERT, Refusal
from capsule_inspect.imaging.tiff import PLANES_APART, Directory, Photometric, Tag

LZW = 5
"""The value of `Tag.COMPRESSION` for LZW."""
_UNCOMPRESSED, _JPEG, _PACK_BITS, _DEFLATE = 1, 7, 32773, {8, 32946}
_REVERSED = 2
"""The value of `Tag.FILL_ORDER` for the last pixel in the highest bit."""
_AT_ONCE = 2**14
"""Bytes that are inflated at a time: they become 17 MB at most."""


class Piece(NamedTuple):
    """A strip or a tile.

    Attributes:
        start: Where it begins in the file.
        size: Its bytes there; above 0.
        width: Of the pixels that it must hold.
        height: Of the pixels that it must hold.
        is_last: Whether it is the last strip of the picture, or of one of its planes.
    """

    start: int
    size: int
    width: int
    height: int
    is_last: bool


def require_all_pieces(data: bytes, tags: Directory) -> None:
    """Checks that the pieces of the first picture lie in the file and hold all of its rows.

    OpenCV shows what lacks in a piece of 8 bits in black, without a word. With more bits, it
    notices. Pieces of CCITT, and those with their bits in reverse, are not looked into;
    `require_whole_lzw` looks into those of LZW.

    Args:
        data: The whole file.
        tags: Its first directory.

    Raises:
        Refusal: A piece is cut, holds less than it must, or has colours of another kind.
        struct.error: The header of a piece is cut.
    """
    starts, sizes, is_tiled = _places(tags)
    if not (starts and tags.values(Tag.WIDTH) and tags.values(Tag.HEIGHT)):
        raise Refusal("is damaged: the TIFF's first page declares no size or no pixels")
    # Files of the nineties may lack the sizes. Then only the starts can be checked.
    ends = [start + size for start, size in zip(starts, sizes or [1] * len(starts), strict=False)]
    if max((*starts, *ends)) > len(data) or min(starts) < 0:
        raise Refusal("is truncated: the TIFF ends before its pixels do")
    compression = tags.first(Tag.COMPRESSION, _UNCOMPRESSED)
    if compression == _UNCOMPRESSED and len(starts) == 1 and not is_tiled:
        return  # libtiff works out the size by itself
    if compression == _JPEG:
        for piece in list_pieces(tags):
            _require_jpeg(data, piece, tags)
    elif has_bytes(tags):
        for piece in list_pieces(tags):
            _require_rows(data, piece, compression, tags)


def has_bytes(tags: Directory) -> bool:
    """Tells whether values have up to 8 bits, so that OpenCV does not notice what lacks."""
    return max(tags.values(Tag.BITS), default=1) <= 8


def list_pieces(tags: Directory) -> Iterator[Piece]:
    """Yields the strips or tiles of the first picture; none if their bits are in reverse.

    Args:
        tags: The first directory.
    """
    if tags.first(Tag.FILL_ORDER, 1) == _REVERSED:
        return
    starts, sizes, is_tiled = _places(tags)
    shapes = _tiles(tags) if is_tiled else _strips(tags)
    for start, size, shape in zip(starts, sizes, shapes, strict=False):
        if size > 0:  # else OpenCV refuses the file, or works out the size
            yield Piece(start, size, *shape)


def _places(tags: Directory) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
    """Returns where pieces begin, their sizes in bytes, and whether they are tiles."""
    starts = tags.values(Tag.STRIP_STARTS)
    if starts:
        return starts, tags.values(Tag.STRIP_SIZES), False
    return tags.values(Tag.TILE_STARTS), tags.values(Tag.TILE_SIZES), True


def _tiles(tags: Directory) -> Iterator[tuple[int, int, bool]]:
    yield from itertools.repeat(
        (tags.first(Tag.TILE_WIDTH, 0), tags.first(Tag.TILE_HEIGHT, 0), False)
    )


def _strips(tags: Directory) -> Iterator[tuple[int, int, bool]]:
    width, height = tags.first(Tag.WIDTH, 0), tags.first(Tag.HEIGHT, 0)
    most = tags.first(Tag.ROWS_PER_STRIP, height)
    most = most if 0 < most < height else max(1, height)
    while height > 0:  # once for each plane; the caller has only so many strips
        for top in range(0, height, most):
            yield width, min(most, height - top), top + most >= height


def bytes_needed(piece: Piece, tags: Directory) -> int:
    """Returns how many bytes the rows of a piece have, decompressed.

    Args:
        piece: One of `list_pieces`.
        tags: The first directory.
    """
    apart = tags.first(Tag.PLANAR, 1) == PLANES_APART
    if tags.first(Tag.PHOTOMETRIC, Photometric.BLACK_IS_ZERO) == Photometric.YCBCR and not apart:
        # Blocks of so many grey values, with two of colour each (TIFF 6.0, p. 93).
        across, down = (max(1, side) for side in (*tags.values(Tag.SUBSAMPLING), 2, 2)[:2])
        blocks = -(-piece.width // across) * -(-piece.height // down)
        return blocks * (across * down + 2)
    samples = 1 if apart else tags.first(Tag.SAMPLES_PER_PIXEL, 1)
    bits = max(tags.values(Tag.BITS), default=1)
    return (piece.width * samples * bits + 7) // 8 * piece.height


def _require_rows(data: bytes, piece: Piece, compression: int, tags: Directory) -> None:
    """Raises Refusal if a piece of up to 8 bits holds fewer bytes than its rows have."""
    needed = bytes_needed(piece, tags)
    if compression == _UNCOMPRESSED:
        held = piece.size
    elif compression in _DEFLATE:
        held = _inflated(data, piece, needed)
    elif compression == _PACK_BITS:
        held = _unpacked(data[piece.start : piece.start + piece.size])
    else:
        return
    if held < needed:
        raise Refusal("is truncated: a piece of the TIFF ends before its rows do")


def _inflated(data: bytes, piece: Piece, needed: int) -> int:
    """Returns how many bytes a piece of Deflate holds, or some number above `needed`."""
    inflater, held = zlib.decompressobj(), 0
    view = memoryview(data)[piece.start : piece.start + piece.size]
    try:
        for first in range(0, piece.size, _AT_ONCE):
            held += len(inflater.decompress(view[first : first + _AT_ONCE]))
            if held > needed or inflater.eof:
                break
    except zlib.error:
        raise Refusal("is damaged: a piece of the TIFF cannot be decompressed") from None
    return held


def _unpacked(packed: bytes) -> int:
    """Returns how many bytes a piece of PackBits holds (TIFF 6.0, p. 42)."""
    held, position, size = 0, 0, len(packed)
    while position < size:
        count = packed[position]
        if count < 128:  # so many bytes follow, and one more
            held += min(count + 1, size - position - 1)
            position += count + 2
        else:  # the next byte is repeated; 128 means nothing
            held += 257 - count if count > 128 and position + 1 < size else 0
            position += 2 if count > 128 else 1
    return held


_APP0, _APP14 = 0xE0, 0xEE
_TRANSFORMS: dict[int, int] = {Photometric.RGB: 0, Photometric.CMYK: 0, Photometric.YCBCR: 1}
"""The colour transform of Adobe's segment by photometric interpretation; 1 is YCbCr."""


def _require_jpeg(data: bytes, piece: Piece, tags: Directory) -> None:
    """Raises Refusal if a JPEG of a TIFF is of other sides or colours than the TIFF says."""
    jfif, transform, position = False, None, piece.start + 2
    while position + 4 <= piece.start + piece.size:
        mark, marker, length = struct.unpack_from(">BBH", data, position)
        body = position + 4
        if mark != 0xFF or marker == SOS:
            break
        if marker in FRAMES:
            height, width = struct.unpack_from(">HH", data, body + 1)
            _require_sides(width, height, piece, tags)
        jfif |= marker == _APP0 and data.startswith(b"JFIF", body)
        if marker == _APP14 and data.startswith(b"Adobe", body):
            (transform,) = struct.unpack_from(">B", data, body + 11)
        position += 2 + length
    wanted = _TRANSFORMS.get(tags.first(Tag.PHOTOMETRIC, Photometric.BLACK_IS_ZERO))
    found = 1 if jfif else transform  # as in libjpeg
    # libtiff believes its own tag, others the JPEG.
    if None not in {wanted, found} and wanted != found:
        raise Refusal("is a TIFF whose JPEG has other colours than the TIFF says", CONVERT)


def _require_sides(width: int, height: int, piece: Piece, tags: Directory) -> None:
    if tags.first(Tag.PLANAR, 1) == PLANES_APART:
        return
    # The JPEG of the last strip may have all the rows of the others.
    fits = height == piece.height or (piece.is_last and height > piece.height)
    if width != piece.width or not fits:
        raise Refusal("is damaged: a JPEG in the TIFF is not of the size that the TIFF declares")
