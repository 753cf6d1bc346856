"""What a picture file says about itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Header:
    """What a whole picture file declares.

    Attributes:
        format: `png`, `jpeg`, `bmp`, `tiff` or `webp`, told from the content.
        width: Width of the stored pixels, before the orientation is applied.
        height: Height of the stored pixels, before the orientation is applied.
        orientation: EXIF orientation, 1 to 8; 1 where the file has none or an invalid one.
        more: Further pictures follow the first: frames of an animation, or pages.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    more: bool = False
