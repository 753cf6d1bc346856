"""The forms of TIFF: what its first directory says, and what is refused because of it."""

import math
import re

from capsule_inspect.choices import CAMERA_BITS, FILE_BITS
from capsule_inspect.imaging.picture import CONVERT, Header, Refusal
from capsule_inspect.imaging.tiff import (
    ORIENTATION,
    Directory,
    has_next_page,
    valid_orientation,
)
from capsule_inspect.imaging.tiff_pieces import require_all_pieces

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_DESCRIPTION, _SAMPLES_PER_PIXEL, _MAX_SAMPLE_VALUE, _PLANAR = 270, 277, 281, 284
_EXTRA_SAMPLES, _SAMPLE_FORMAT = 338, 339
_SUBFILE, _OLD_SUBFILE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 255, 330, 50706

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK, _YCBCR = 0, 1, 2, 5, 6
_BYTE_PHOTOMETRICS = {_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, 3, _CMYK, _YCBCR}
"""Photometric interpretations that libtiff shows rightly in 8 bits."""
_DEEP_PHOTOMETRICS = {_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB}
"""Those of more than 8 bits. OpenCV hands on their values as they are stored."""
_NAMES = {3: "a palette", 4: "a mask", _CMYK: "CMYK", _YCBCR: "YCbCr", 8: "CIELab"}

_PLANES_APART, _UNSPECIFIED, _MULTIPLIED, _UNMULTIPLIED, _FLOAT = 2, 0, 1, 2, 3
"""Values of `_PLANAR`, of `_EXTRA_SAMPLES` and of `_SAMPLE_FORMAT` (TIFF 6.0, p. 37 to 80)."""
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""None, CCITT, LZW, JPEG, Deflate (two numbers) and PackBits. For other compressions, OpenCV can
return a black picture without an error."""
_PACKED = {10, 12, 14}
"""Bits per value that OpenCV unpacks; it shifts them to the top of 16."""
_REDUCED, _OLD_REDUCED = 1, 2
"""A smaller version of another picture, in `_SUBFILE` (a bit) and `_OLD_SUBFILE` (a number)."""
_CANON_RAW = re.compile(rb"II\*\0\x10\0\0\0CR")


def read_tiff_header(data: bytes) -> Header:
    """Reads the first directory of a TIFF, and checks that the file holds all it points to.

    Args:
        data: The whole file. It begins with one of `TIFF_SIGNATURES`.

    Raises:
        Refusal: The file is truncated, damaged, or of an unsupported kind.
        struct.error: The file ends inside its directory.
    """
    tags = Directory(data)
    more = has_next_page(data)
    _require_the_picture(data, tags, more)
    _require_known_form(tags)
    require_all_pieces(data, tags)
    bits = _bits(tags)
    extra = tags.first(_EXTRA_SAMPLES, _UNMULTIPLIED)
    return Header(
        "tiff",
        tags.values(_WIDTH)[0],
        tags.values(_HEIGHT)[0],
        valid_orientation(tags.values(ORIENTATION)),
        more or _is_stack(tags),
        # Without the tag, the fourth is alpha: OpenCV itself writes it so.
        fourth_is_alpha=extra != _UNSPECIFIED,
        # In 8 bits, libtiff multiplies what is not multiplied, if the tag says so.
        alpha_is_multiplied=extra == _MULTIPLIED
        or (bits == 8 and tags.values(_EXTRA_SAMPLES)[:1] == (_UNMULTIPLIED,)),
        white_is_zero=bits > 8 and tags.first(_PHOTOMETRIC, _BLACK_IS_ZERO) == _WHITE_IS_ZERO,
        white=(2**bits - 1) << (FILE_BITS - bits) if bits in _PACKED else None,
        bits=_bits_of_camera(tags),
    )


def _require_the_picture(data: bytes, tags: Directory, more: bool) -> None:
    """Raises Refusal if the first directory shows something else than the picture of the file."""
    if tags.values(_DNG_VERSION) or _CANON_RAW.match(data):
        raise Refusal("is a camera raw file", CONVERT)
    is_reduced = tags.first(_SUBFILE, 0) & _REDUCED or tags.first(_OLD_SUBFILE, 0) == _OLD_REDUCED
    if is_reduced and (more or tags.values(_SUB_DIRECTORIES)):
        raise Refusal("begins with a thumbnail of its picture", CONVERT)


def _is_stack(tags: Directory) -> bool:
    """Tells whether a description speaks of more pictures than have a directory.

    ImageJ and tifffile write a stack so: the other pictures follow the first one.
    """
    text = tags.text(_DESCRIPTION)
    if text.startswith(b"ImageJ="):
        count = re.search(rb"\nimages=(\d{1,9})\s", text)
        return count is not None and int(count[1]) > 1
    shape = re.search(rb'"shape": \[([\d, ]{1,99})\]', text)
    one = tags.first(_WIDTH, 1) * tags.first(_HEIGHT, 1) * tags.first(_SAMPLES_PER_PIXEL, 1)
    return shape is not None and math.prod(map(int, re.findall(rb"\d+", shape[1]))) > one


def _require_known_form(tags: Directory) -> None:
    """Raises Refusal for what OpenCV reads wrongly without a word, or not at all."""
    compression = tags.first(_COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        raise Refusal(f"is a TIFF of compression {compression}, which cannot be read", CONVERT)
    samples, bits = tags.first(_SAMPLES_PER_PIXEL, 1), _bits(tags)
    photometric = tags.first(_PHOTOMETRIC, _BLACK_IS_ZERO)
    has_alpha = not {_MULTIPLIED, _UNMULTIPLIED}.isdisjoint(tags.values(_EXTRA_SAMPLES))
    if samples == 2 or (has_alpha and photometric in {_WHITE_IS_ZERO, _BLACK_IS_ZERO}):
        # Of two channels, OpenCV multiplies the grey by the alpha; it drops the alpha of all.
        raise Refusal("is a grey TIFF with transparency, which cannot be read", CONVERT)
    if photometric not in (_DEEP_PHOTOMETRICS if bits > 8 else _BYTE_PHOTOMETRICS):
        kind = _NAMES.get(photometric, f"photometric interpretation {photometric}")
        raise Refusal(f"is a TIFF of {bits} bits of {kind}, which cannot be read", CONVERT)
    if bits > 8 and samples > 1 and tags.values(_PLANAR) == (_PLANES_APART,):
        raise Refusal(f"is a TIFF of {bits} bits with planes apart, which cannot be read", CONVERT)
    if bits > 8 and samples > 1 and photometric != _RGB:
        # OpenCV takes the further channels for colours.
        raise Refusal(
            f"is a grey TIFF of {bits} bits with further channels, which cannot be read", CONVERT
        )
    extra = tags.first(_EXTRA_SAMPLES, _UNSPECIFIED)
    if samples == 4 and extra not in {_UNSPECIFIED, _MULTIPLIED, _UNMULTIPLIED}:
        raise Refusal(f"is a TIFF with a channel of kind {extra}, which cannot be read", CONVERT)
    if tags.values(_SAMPLE_FORMAT)[:1] == (_FLOAT,) and bits < 32:
        raise Refusal(
            f"holds floating-point values of {bits} bits, of which nobody knows the range"
        )


def _bits(tags: Directory) -> int:
    return max(tags.values(_BITS) or (1,))


def _bits_of_camera(tags: Directory) -> int | None:
    """Returns the bits that a TIFF of 16 bits uses, if its highest value is that of all of them.

    Some programs write the highest value that happens to be there, which says nothing.
    """
    highest = max(tags.values(_MAX_SAMPLE_VALUE), default=0)
    bits = highest.bit_length()
    is_known = _bits(tags) == FILE_BITS and bits in CAMERA_BITS and highest == 2**bits - 1
    return bits if is_known else None
