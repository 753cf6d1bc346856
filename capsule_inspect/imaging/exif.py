"""Which way up a picture is, as EXIF says: Exif 3.0, tag 0x0112."""

import struct

from capsule_inspect.imaging.tiff_fields import TIFF_SIGNATURES, read_fields, read_integers

ORIENTATION = 0x0112
"""The tag of the orientation, in an EXIF block as in a TIFF."""
EXIF_PREFIX = b"Exif\0\0"
"""What begins the APP1 segment of a JPEG that holds EXIF; elsewhere it is optional."""


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
