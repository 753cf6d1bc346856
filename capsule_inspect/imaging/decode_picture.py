"""A picture file's content → 8-bit RGB, whatever it is stored as."""

from dataclasses import dataclass

import cv2
import numpy as np

from capsule_inspect.imaging.decode_upright import Decoded, decode_upright
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.pixel_limit import MAX_PIXELS


@dataclass(frozen=True)
class LoadedPicture:
    """A picture, and what of its file it leaves out.

    Attributes:
        pixels: RGB uint8 [H, W, 3], C-contiguous and owned by the caller.
        warnings: Sentences about what was left out or changed.
    """

    pixels: Picture
    warnings: tuple[str, ...] = ()


def decode_picture(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> LoadedPicture:
    """Decodes a picture file's content as 8-bit RGB, the right way up.

    The EXIF orientation is applied once; 16-bit values are scaled to round(x / 257); grey, palette,
    1-bit and CMYK pictures become RGB; alpha is blended with white. Of an animation or a file of
    several pages the first picture is taken. The single transparent level of a grey PNG and the
    alpha of a BMP are ignored, as OpenCV does. `read_header` says which damage is not found.

    Args:
        data: The whole file.
        name: What to call the file in messages.
        max_pixels: The most pixels to decode; checked before any pixel is.

    Raises:
        PictureError: The content is no whole picture, too large, not of 8- or 16-bit values, or
            cannot be decoded.
    """
    header, decoded = decode_upright(data, name, max_pixels)
    warnings = ["The file holds several pictures; this is the first."] if header.more else []
    values = _to_8_bit(decoded)
    if values.ndim == 2:
        rgb = cv2.cvtColor(values, cv2.COLOR_GRAY2RGB)
    elif values.shape[2] == 3:
        rgb = cv2.cvtColor(values, cv2.COLOR_BGR2RGB, dst=values)  # in place
    else:
        # OpenCV hands out most TIFF colours multiplied by their alpha, those of PNG and WebP never.
        rgb = _on_white(values[:, :, [2, 1, 0, 3]], header.format == "tiff")
        if (values[:, :, 3] < 255).any():
            warnings.append("Its transparent parts were put on white.")
    return LoadedPicture(np.ascontiguousarray(rgb, dtype=np.uint8), tuple(warnings))


def _to_8_bit(values: Decoded) -> Picture:
    # 257 is odd, so x / 257 never lies halfway and rounding is the same in every convention.
    return np.asarray(
        values if values.dtype == np.uint8 else cv2.convertScaleAbs(values, alpha=1 / 257),
        dtype=np.uint8,
    )


def _on_white(rgba: Picture, maybe_multiplied: bool) -> Picture:
    """Blends [H, W, 4] with white.

    Args:
        rgba: Colours and alpha.
        maybe_multiplied: The colours are multiplied by alpha already, if none exceeds its alpha.
    """
    rgb, alpha = rgba[:, :, :3].astype(np.uint16), rgba[:, :, 3:].astype(np.uint16)
    white = 255 - alpha
    if maybe_multiplied and bool((rgb <= alpha).all()):
        return (rgb + white).astype(np.uint8)
    return ((rgb * alpha + 255 * white + 127) // 255).astype(np.uint8)
