"""The pieces of a TIFF of LZW: whether they hold all of its rows.

OpenCV shows what lacks in a piece of up to 8 bits in black, without a word. Of 16 bits, it refuses
such a piece. So the same codes are decoded once more, as if they were values of 16 bits. In Python,
counting the codes of 20 megapixels would take longer than all the rest.
"""

import struct
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

import cv2
import numpy as np

from capsule_inspect.errors import PictureError
from capsule_inspect.imaging.picture import COPY_AGAIN
from capsule_inspect.imaging.tiff import Directory, Tag
from capsule_inspect.imaging.tiff_pieces import LZW, bytes_needed, has_bytes, list_pieces

_AT_ONCE = 2**26
"""Bytes that are decoded at a time, unless one piece has more."""
_WIDEST = 2**20
"""The most pixels across and down that OpenCV decodes."""
_CLEAR = 256
"""The code after which codes have 9 bits again; those below 256 are a byte each."""


def require_whole_lzw(data: bytes, name: str) -> None:
    """Checks that each piece of LZW of up to 8 bits a value holds all of its rows.

    Args:
        data: The whole file; `read_tiff_header` takes it.
        name: The subject of messages about it, such as `The file 'a.tif'`.

    Raises:
        PictureError: A piece holds less than its rows, or cannot be decompressed.
    """
    tags = Directory(data)
    if tags.first(Tag.COMPRESSION, 1) != LZW or not has_bytes(tags):
        return
    by_length: dict[int, list[bytes]] = defaultdict(list)
    for piece in list_pieces(tags):
        codes, needed = data[piece.start : piece.start + piece.size], bytes_needed(piece, tags)
        if needed > 0 and not _is_of_old_style(codes):
            by_length[needed].append(codes)
    for needed, pieces in by_length.items():
        count = max(1, _AT_ONCE // needed)
        for first in range(0, len(pieces), count):
            if not _hold(pieces[first : first + count], needed):
                raise PictureError(
                    f"{name} is truncated or damaged: a piece of LZW of the TIFF does not hold all "
                    f"of its rows; {COPY_AGAIN}."
                )


def _is_of_old_style(codes: bytes) -> bool:
    """Tells whether the bits of codes are in reverse, as in files of before 1988.

    Such a piece is not looked into.
    """
    return len(codes) > 1 and codes[0] == 0 and codes[1] & 1 == 1


def _hold(pieces: Sequence[bytes], needed: int) -> bool:
    """Tells whether each piece holds so many bytes, or more.

    They become the strips of a picture of 16 bits, whose rows have an even number of bytes each.
    Further bytes before those of the piece fill it up to such rows.
    """
    height = -(-needed // _WIDEST)
    width = -(-needed // (2 * height))
    before = _bytes_as_codes(2 * width * height - needed)
    strips = [before + piece for piece in pieces]
    picture = np.frombuffer(_tiff_of_16_bits(width, height, strips), np.uint8)
    try:
        return cv2.imdecode(picture, cv2.IMREAD_UNCHANGED) is not None
    except cv2.error:
        return False


def _bytes_as_codes(count: int) -> bytes:
    """Returns so many bytes in LZW, of any value, as whole bytes that codes can follow."""
    return b"".join(_eight_codes(min(7, count - first)) for first in range(0, count, 7))


def _eight_codes(count: int) -> bytes:
    """Returns up to 7 bytes in LZW: 8 codes of 9 bits, which have 9 bytes together."""
    bits = 0
    for code in [_CLEAR] * (8 - count) + [0] * count:
        bits = bits << 9 | code
    return bits.to_bytes(9, "big")


def _tiff_of_16_bits(width: int, height: int, strips: Sequence[bytes]) -> bytes:
    """Returns a grey TIFF of LZW whose strips have `height` rows each."""
    count, sizes = len(strips), [len(strip) for strip in strips]
    *starts, end = accumulate(sizes, initial=8 + 8 * count)
    places = (8, 8 + 4 * count) if count > 1 else (starts[0], sizes[0])
    numbers = {
        Tag.WIDTH: (1, width),
        Tag.HEIGHT: (1, height * count),
        Tag.BITS: (1, 16),
        Tag.COMPRESSION: (1, LZW),
        Tag.PHOTOMETRIC: (1, 1),
        Tag.STRIP_STARTS: (count, places[0]),
        Tag.SAMPLES_PER_PIXEL: (1, 1),
        Tag.ROWS_PER_STRIP: (1, height),
        Tag.STRIP_SIZES: (count, places[1]),
    }
    return b"".join(
        [
            struct.pack(f"<4sI{2 * count}I", b"II*\0", end, *starts, *sizes),
            *strips,
            struct.pack("<H", len(numbers)),
            *(struct.pack("<HHII", tag, 4, *number) for tag, number in numbers.items()),
            bytes(4),
        ]
    )
