"""The forms of TIFF: what its first directory says, and what is refused because of it."""

import math
import re

from capsule_inspect.choices import CAMERA_BITS, FILE_BITS
from capsule_inspect.imaging.picture import CONVERT, Header, Refusal
from capsule_inspect.imaging.tiff import (
    PLANES_APART,
    Directory,
    Photometric,
    Tag,
    has_next_page,
    valid_orientation,
)
from capsule_inspect.imaging.tiff_pieces import require_all_pieces

_BYTE_PHOTOMETRICS = set(Photometric)
"""Photometric interpretations that libtiff shows rightly in 8 bits."""
_DEEP_PHOTOMETRICS = {Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO, Photometric.RGB}
"""Those of more than 8 bits. OpenCV hands on their values as they are stored."""
_NAMES = {
    Photometric.PALETTE: "a palette",
    4: "a mask",
    Photometric.CMYK: "CMYK",
    Photometric.YCBCR: "YCbCr",
    8: "CIELab",
}

_UNSPECIFIED, _MULTIPLIED, _UNMULTIPLIED, _FLOAT = 0, 1, 2, 3
"""Values of `Tag.EXTRA_SAMPLES` and of `Tag.SAMPLE_FORMAT` (TIFF 6.0, p. 37 to 80)."""
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""None, CCITT, LZW, JPEG, Deflate (two numbers) and PackBits. For other compressions, OpenCV can
return a black picture without an error."""
_PACKED = {10, 12, 14}
"""Bits per value that OpenCV unpacks; it shifts them to the top of 16."""
_REDUCED, _OLD_REDUCED = 1, 2
"""A smaller version of another picture: a bit of `Tag.SUBFILE`, a value of `Tag.OLD_SUBFILE`."""
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
    extra = tags.first(Tag.EXTRA_SAMPLES, _UNMULTIPLIED)
    return Header(
        "tiff",
        tags.values(Tag.WIDTH)[0],
        tags.values(Tag.HEIGHT)[0],
        valid_orientation(tags.values(Tag.ORIENTATION)),
        more or _is_stack(tags),
        # Without the tag, the fourth is alpha: OpenCV itself writes it so.
        fourth_is_alpha=extra != _UNSPECIFIED,
        # In 8 bits, libtiff multiplies what is not multiplied, if the tag says so.
        alpha_is_multiplied=extra == _MULTIPLIED
        or (bits == 8 and tags.values(Tag.EXTRA_SAMPLES)[:1] == (_UNMULTIPLIED,)),
        white_is_zero=bits > 8
        and tags.first(Tag.PHOTOMETRIC, Photometric.BLACK_IS_ZERO) == Photometric.WHITE_IS_ZERO,
        white=(2**bits - 1) << (FILE_BITS - bits) if bits in _PACKED else None,
        bits=_bits_of_camera(tags),
    )


def _require_the_picture(data: bytes, tags: Directory, more: bool) -> None:
    """Raises Refusal if the first directory shows something else than the picture of the file."""
    if tags.values(Tag.DNG_VERSION) or _CANON_RAW.match(data):
        raise Refusal("is a camera raw file", CONVERT)
    is_reduced = (
        tags.first(Tag.SUBFILE, 0) & _REDUCED or tags.first(Tag.OLD_SUBFILE, 0) == _OLD_REDUCED
    )
    if is_reduced and (more or tags.values(Tag.SUB_DIRECTORIES)):
        raise Refusal("begins with a thumbnail of its picture", CONVERT)


def _is_stack(tags: Directory) -> bool:
    """Tells whether a description speaks of more pictures than have a directory.

    ImageJ and tifffile write a stack so: the other pictures follow the first one.
    """
    text = tags.text(Tag.DESCRIPTION)
    if text.startswith(b"ImageJ="):
        count = re.search(rb"\nimages=(\d{1,9})\s", text)
        return count is not None and int(count[1]) > 1
    shape = re.search(rb'"shape": \[([\d, ]{1,99})\]', text)
    one = (
        tags.first(Tag.WIDTH, 1) * tags.first(Tag.HEIGHT, 1) * tags.first(Tag.SAMPLES_PER_PIXEL, 1)
    )
    return shape is not None and math.prod(map(int, re.findall(rb"\d+", shape[1]))) > one


def _require_known_form(tags: Directory) -> None:
    """Raises Refusal for what OpenCV reads wrongly without a word, or not at all."""
    compression = tags.first(Tag.COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        raise Refusal(f"is a TIFF of compression {compression}, which cannot be read", CONVERT)
    samples, bits = tags.first(Tag.SAMPLES_PER_PIXEL, 1), _bits(tags)
    photometric = tags.first(Tag.PHOTOMETRIC, Photometric.BLACK_IS_ZERO)
    has_alpha = not {_MULTIPLIED, _UNMULTIPLIED}.isdisjoint(tags.values(Tag.EXTRA_SAMPLES))
    if samples == 2 or (
        has_alpha and photometric in {Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO}
    ):
        # Of two channels, OpenCV multiplies the grey by the alpha; it drops the alpha of all.
        raise Refusal("is a grey TIFF with transparency, which cannot be read", CONVERT)
    if photometric not in (_DEEP_PHOTOMETRICS if bits > 8 else _BYTE_PHOTOMETRICS):
        kind = _NAMES.get(photometric, f"photometric interpretation {photometric}")
        raise Refusal(f"is a TIFF of {bits} bits of {kind}, which cannot be read", CONVERT)
    if bits > 8 and samples > 1 and tags.values(Tag.PLANAR) == (PLANES_APART,):
        raise Refusal(f"is a TIFF of {bits} bits with planes apart, which cannot be read", CONVERT)
    if bits > 8 and samples > 1 and photometric != Photometric.RGB:
        # OpenCV takes the further channels for colours.
        raise Refusal(
            f"is a grey TIFF of {bits} bits with further channels, which cannot be read", CONVERT
        )
    extra = tags.first(Tag.EXTRA_SAMPLES, _UNSPECIFIED)
    if samples == 4 and extra not in {_UNSPECIFIED, _MULTIPLIED, _UNMULTIPLIED}:
        raise Refusal(f"is a TIFF with a channel of kind {extra}, which cannot be read", CONVERT)
    if tags.values(Tag.SAMPLE_FORMAT)[:1] == (_FLOAT,) and bits < 32:
        raise Refusal(
            f"holds floating-point values of {bits} bits, of which nobody knows the range"
        )


def _bits(tags: Directory) -> int:
    return max(tags.values(Tag.BITS) or (1,))


def _bits_of_camera(tags: Directory) -> int | None:
    """Returns the bits that a TIFF of 16 bits uses, if its highest value is that of all of them.

    Some programs write the highest value that happens to be there, which says nothing.
    """
    highest = max(tags.values(Tag.MAX_SAMPLE_VALUE), default=0)
    bits = highest.bit_length()
    is_known = _bits(tags) == FILE_BITS and bits in CAMERA_BITS and highest == 2**bits - 1
    return bits if is_known else None
