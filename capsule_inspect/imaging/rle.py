"""Run-length encoding of masks, as COCO (columns first) and Label Studio (bits) do it."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RunLengths:
    """A mask as the lengths of its runs.

    COCO's tools read it: https://cocodataset.org/#format-data, `iscrowd=1`.

    Attributes:
        size: Height and width in pixels.
        counts: Pixels of each run, down the columns from the left; runs outside and inside the mask
            take turns, and the first is outside (it can be 0).
    """

    size: tuple[int, int]
    counts: tuple[int, ...]


def encode_runs(mask: NDArray[np.bool_]) -> RunLengths:
    """Encodes a mask.

    Args:
        mask: bool [H, W].

    Example:
        >>> encode_runs(np.array([[False, True], [True, True]]))
        RunLengths(size=(2, 2), counts=(1, 3))
    """
    height, width = mask.shape
    column_major = mask.ravel(order="F")
    changes = np.flatnonzero(column_major[1:] != column_major[:-1]) + 1
    edges = [0, *changes.tolist(), column_major.size]
    counts = [end - start for start, end in itertools.pairwise(edges)]
    if column_major[0]:
        counts.insert(0, 0)
    return RunLengths((height, width), tuple(counts))


def decode_runs(runs: RunLengths) -> NDArray[np.bool_]:
    """Decodes a mask.

    Returns:
        bool [H, W].

    Raises:
        ValueError: A run is negative, or the runs are not as long as the mask.

    Example:
        >>> decode_runs(RunLengths(size=(2, 2), counts=(1, 3))).tolist()
        [[False, True], [True, True]]
    """
    height, width = runs.size
    if min(runs.counts, default=0) < 0 or sum(runs.counts) != height * width:
        raise ValueError(f"its runs do not add up to {height} x {width} pixels")
    inside = np.arange(len(runs.counts)) % 2 == 1
    return np.repeat(inside, runs.counts).reshape(runs.size, order="F")


_FIRST, _BITS, _SIGN, _MORE = 48, 5, 16, 32
"""COCO's text has five bits to a character from `0` on, a sign, and a sixth bit if more follow."""
_MOST_CHARACTERS = 13
"""Characters of one number, for 64 bits."""


def parse_counts(text: str) -> tuple[int, ...]:
    """Returns the lengths of the runs in COCO's compressed text.

    From the third on, each number is the difference to the length before the last (`maskApi.c` of
    https://github.com/cocodataset/cocoapi).

    Raises:
        ValueError: The text is cut, or has other characters.

    Example:
        >>> parse_counts("13")
        (1, 3)
    """
    counts: list[int] = []
    number, shift = 0, 0
    for character in text:
        code = ord(character) - _FIRST
        if not 0 <= code < 2 * _MORE or shift > _BITS * _MOST_CHARACTERS:
            raise ValueError(f"its runs hold the character {character!r}")
        number |= (code & (_MORE - 1)) << shift
        shift += _BITS
        if not code & _MORE:
            if code & _SIGN:
                number -= 1 << shift
            counts.append(number + (counts[-2] if len(counts) > 2 else 0))
            number, shift = 0, 0
    if shift:
        raise ValueError("its runs are cut")
    return tuple(counts)


_COUNT_BITS, _WORD_BITS, _LENGTH_BITS, _LENGTHS = 32, 5, 4, 4
"""The head of Label Studio's text: values, bits of a value, and of each kind of length; the last
two less one."""
_CHANNELS = 4
"""Values of a pixel: red, green, blue and alpha."""


def decode_brush(data: bytes, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Decodes what Label Studio's brush drew: the pixels of at least half of full alpha.

    The values of all pixels follow each other along the rows. After the head, each block has a bit
    that tells whether one value repeats, two bits for the kind of its length, the length less one,
    and the value or values (https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack).

    Args:
        data: The bytes; the bits of each count from the highest.
        size: Height and width of the picture.

    Returns:
        bool [H, W].

    Raises:
        ValueError: The bytes are cut, or are not of a picture of that size.

    Example:
        >>> head = f"{4:032b}{7:05b}" + "0010" * 4
        >>> block = "1" + "00" + "011" + "11111111"
        >>> bits = (head + block).ljust(72, "0")
        >>> decode_brush(int(bits, 2).to_bytes(9, "big"), (1, 1)).tolist()
        [[True]]
    """
    height, width = size
    bits = _Bits(data)
    count, word = bits.read(_COUNT_BITS), bits.read(_WORD_BITS) + 1
    if count != height * width * _CHANNELS:
        raise ValueError(f"it holds {count} values, not those of {width} x {height} pixels")
    if word != 8:
        raise ValueError(f"its values have {word} bits instead of 8")
    lengths = [bits.read(_LENGTH_BITS) + 1 for _ in range(_LENGTHS)]
    values = bytearray()
    while len(values) < count:
        repeats = bits.read(1)
        length = bits.read(lengths[bits.read(2)]) + 1
        if length > count - len(values):
            raise ValueError("its runs are longer than its picture")
        values += bits.take(1) * length if repeats else bits.take(length)
    alpha = np.frombuffer(values, np.uint8)[_CHANNELS - 1 :: _CHANNELS].reshape(size)
    return np.asarray(alpha >= 128, np.bool_)


class _Bits:
    """Reads numbers of any width from bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def read(self, count: int) -> int:
        """Returns the number in the next bits."""
        end = self._at + count
        last = (end + 7) // 8
        if last > len(self._data):
            raise ValueError("its runs are cut")
        number = int.from_bytes(self._data[self._at // 8 : last], "big")
        self._at = end
        return number >> (last * 8 - end) & ((1 << count) - 1)

    def take(self, count: int) -> bytes:
        """Returns the next bytes, wherever they begin."""
        return self.read(8 * count).to_bytes(count, "big")
