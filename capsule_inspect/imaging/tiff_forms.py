"""The forms of TIFF: what its first directory says, and what is refused because of it."""

from collections.abc import Callable
from typing import TypeAlias

from capsule_inspect.choices import CAMERA_BITS, FILE_BITS
from capsule_inspect.imaging.picture import CONVERT, Header, Refusal
from capsule_inspect.imaging.tiff import (
    ORIENTATION,
    Field,
    has_next_page,
    read_fields,
    read_integers,
    valid_orientation,
)

_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES_PER_PIXEL = 256, 257, 259, 277
_STRIPS, _TILES = (273, 279), (324, 325)
"""The tags that say where each piece of a picture begins, and how many bytes it has."""
_BITS, _PHOTOMETRIC, _PLANAR, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 258, 262, 284, 338, 339
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_PHOTOMETRICS = {3: "a palette", 4: "a mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab"}
_MAX_SAMPLE_VALUE = 281
_PLANES_APART, _UNSPECIFIED, _FLOAT = 2, 0, 3
"""Values of `_PLANAR`, of `_EXTRA_SAMPLES` and of `_SAMPLE_FORMAT` (TIFF 6.0, p. 37 to 80)."""
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""None, CCITT, LZW, JPEG, Deflate (two numbers) and PackBits. For other compressions, OpenCV can
return a black picture without an error."""


_Values: TypeAlias = Callable[[int], tuple[int, ...]]
"""Returns the whole numbers of a tag; none without it."""


def read_tiff_header(data: bytes) -> Header:
    """Reads the first directory of a TIFF, and checks that the file holds all it points to.

    Args:
        data: The whole file. It begins with one of `TIFF_SIGNATURES`.

    Raises:
        Refusal: The file is truncated, damaged, or of an unsupported kind.
        struct.error: The file ends inside its directory.
    """
    fields: dict[int, Field] = {}
    for field in read_fields(data):
        if field.end > len(data):
            raise Refusal("is truncated: the TIFF ends before its directory does")
        fields.setdefault(field.tag, field)  # the first of two counts, as in libtiff

    def values(tag: int) -> tuple[int, ...]:
        return read_integers(data, fields[tag]) if tag in fields else ()

    _require_whole(values, len(data))
    _require_known_form(values)
    return Header(
        "tiff",
        values(_WIDTH)[0],
        values(_HEIGHT)[0],
        valid_orientation(values(ORIENTATION)),
        has_next_page(data),
        # Without the tag, the fourth is alpha: OpenCV itself writes it so.
        fourth_is_alpha=values(_EXTRA_SAMPLES)[:1] != (_UNSPECIFIED,),
        white_is_zero=_bits(values) > 8 and values(_PHOTOMETRIC)[:1] == (_WHITE_IS_ZERO,),
        bits=_bits_of_camera(values),
    )


def _require_whole(values: _Values, size: int) -> None:
    """Raises Refusal if a file of a size in bytes does not hold all pixels of the first page."""
    starts, sizes = values(_STRIPS[0]), values(_STRIPS[1])
    if not starts:
        starts, sizes = values(_TILES[0]), values(_TILES[1])
    if not (starts and values(_WIDTH) and values(_HEIGHT)):
        raise Refusal("is damaged: the TIFF's first page declares no size or no pixels")
    # Files of the nineties may lack the sizes. Then only the starts can be checked.
    ends = [start + size for start, size in zip(starts, sizes or [1] * len(starts), strict=False)]
    if max((*starts, *ends)) > size:
        raise Refusal("is truncated: the TIFF ends before its pixels do")


def _require_known_form(values: _Values) -> None:
    """Raises Refusal for what OpenCV reads wrongly without a word, or not at all."""
    compression = values(_COMPRESSION)
    if compression and compression[0] not in _COMPRESSIONS:
        raise Refusal(f"is a TIFF of compression {compression[0]}, which cannot be read", CONVERT)
    if values(_SAMPLES_PER_PIXEL) == (2,):
        # OpenCV multiplies the grey by the alpha and drops the alpha, so the picture is lost.
        raise Refusal("is a grey TIFF with transparency, which cannot be read", CONVERT)
    samples, bits = (values(_SAMPLES_PER_PIXEL) or (1,))[0], _bits(values)
    photometric = (values(_PHOTOMETRIC) or (_BLACK_IS_ZERO,))[0]
    # OpenCV hands on the values of more than 8 bits as they are stored.
    if bits > 8 and samples > 1 and values(_PLANAR) == (_PLANES_APART,):
        raise Refusal(f"is a TIFF of {bits} bits with planes apart, which cannot be read", CONVERT)
    if bits > 8 and photometric not in {_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB}:
        kind = _PHOTOMETRICS.get(photometric, f"photometric interpretation {photometric}")
        raise Refusal(f"is a TIFF of {bits} bits of {kind}, which cannot be read", CONVERT)
    if values(_SAMPLE_FORMAT)[:1] == (_FLOAT,) and bits < 32:
        raise Refusal(
            f"holds floating-point values of {bits} bits, of which nobody knows the range"
        )


def _bits(values: _Values) -> int:
    return max(values(_BITS) or (1,))


def _bits_of_camera(values: _Values) -> int | None:
    """Returns the bits that a TIFF of 16 bits uses, if its highest value is that of all of them.

    Some programs write the highest value that happens to be there, which says nothing.
    """
    highest = max(values(_MAX_SAMPLE_VALUE), default=0)
    bits = highest.bit_length()
    is_known = _bits(values) == FILE_BITS and bits in CAMERA_BITS and highest == 2**bits - 1
    return bits if is_known else None
