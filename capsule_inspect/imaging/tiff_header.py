"""The header of a TIFF's first page, and whether that page is whole: TIFF 6.0, section 8."""

from capsule_inspect.imaging.exif import ORIENTATION, valid_orientation
from capsule_inspect.imaging.header import Header
from capsule_inspect.imaging.refusal import CONVERT, Refusal
from capsule_inspect.imaging.tiff_fields import Field, has_next_page, read_fields, read_integers

_WIDTH, _HEIGHT, _COMPRESSION, _SAMPLES_PER_PIXEL = 256, 257, 259, 277
_STRIPS, _TILES = (273, 279), (324, 325)
"""Tags of where the pieces of a picture begin, and of how many bytes each has."""
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""None, CCITT, LZW, JPEG, Deflate (two numbers) and PackBits. Of a TIFF compressed in another way
OpenCV can return a black picture without a word."""


def read_tiff_header(data: bytes) -> Header:
    """Reads the first directory of a TIFF, and checks that all it points to is in the file.

    Args:
        data: The whole file, which begins with one of `TIFF_SIGNATURES`.

    Raises:
        Refusal: The file is truncated, damaged or of a kind that cannot be read.
        struct.error: The file ends inside its directory.
    """
    fields: dict[int, Field] = {}
    for field in read_fields(data):
        if field.end > len(data):
            raise Refusal("is truncated: the TIFF ends before its directory does")
        fields.setdefault(field.tag, field)  # the first of two counts, as in libtiff

    def values(tag: int) -> tuple[int, ...]:
        return read_integers(data, fields[tag]) if tag in fields else ()

    starts, sizes = values(_STRIPS[0]), values(_STRIPS[1])
    if not starts:
        starts, sizes = values(_TILES[0]), values(_TILES[1])
    if not (starts and values(_WIDTH) and values(_HEIGHT)):
        raise Refusal("is damaged: the TIFF's first page declares no size or no pixels")
    # A size may be missing in files of the nineties; then only the start can be checked.
    ends = [start + size for start, size in zip(starts, sizes or [1] * len(starts), strict=False)]
    if max((*starts, *ends)) > len(data):
        raise Refusal("is truncated: the TIFF ends before its pixels do")
    compression = values(_COMPRESSION)
    if compression and compression[0] not in _COMPRESSIONS:
        raise Refusal(f"is a TIFF of compression {compression[0]}, which cannot be read", CONVERT)
    if values(_SAMPLES_PER_PIXEL) == (2,):
        # OpenCV multiplies the grey by the alpha and drops the alpha: no way back to the picture.
        raise Refusal("is a grey TIFF with transparency, which cannot be read", CONVERT)
    orientation = valid_orientation(values(ORIENTATION))
    return Header("tiff", values(_WIDTH)[0], values(_HEIGHT)[0], orientation, has_next_page(data))
