"""White text on a plate of one colour."""

import unicodedata
from dataclasses import dataclass

import cv2

from capsule_inspect.imaging.palette import WHITE, Colour
from capsule_inspect.imaging.picture import Picture

_TEXT_HEIGHT = 20.0
"""Height of a capital, in pixels of a picture of the nominal size; a fiftieth of its side."""
_MIN_TEXT_HEIGHT = 11.0
"""In pixels; below it OpenCV's strokes run into each other."""
_MAX_SHARE_OF_WIDTH = 0.9
"""Of the picture; longer captions are set smaller."""
_MAX_LABEL = 24
"""Letters; what is longer would be set too small to be read. `faulty_imprint` has 14."""
_FONT = cv2.FONT_HERSHEY_DUPLEX


@dataclass(frozen=True)
class Caption:
    """A text and the size of its plate; lengths in pixels.

    Attributes:
        text: ASCII, on one line.
        scale: Of the font.
        stroke: Thickness of its lines.
        pad: Room around the text.
        text_height: Height of a capital.
        width: Of the plate.
        height: Of the plate.
    """

    text: str
    scale: float
    stroke: int
    pad: int
    text_height: int
    width: int
    height: int


def make_caption(text: str, picture_width: int, unit: float) -> Caption:
    """Sizes a caption for its picture, and smaller where it would be wider than that.

    Args:
        text: What it says, in ASCII; see `spell_label`.
        picture_width: In pixels.
        unit: Pixels per pixel of a picture of the nominal size.
    """
    (full, tall), _ = cv2.getTextSize(text, _FONT, 1.0, 1)
    wanted = max(_MIN_TEXT_HEIGHT, _TEXT_HEIGHT * unit)
    scale = min(wanted / tall, _MAX_SHARE_OF_WIDTH * picture_width / full)
    text_height = max(1, round(scale * tall))
    pad = max(3, round(0.45 * text_height))
    stroke = max(1, round(text_height / 16))
    (text_width, _), _ = cv2.getTextSize(text, _FONT, scale, stroke)
    return Caption(
        text, scale, stroke, pad, text_height, text_width + 2 * pad, text_height + 2 * pad
    )


def draw_caption(drawn: Picture, caption: Caption, corner: tuple[int, int], colour: Colour) -> None:
    """Draws a caption into a picture.

    Args:
        drawn: uint8 RGB, [H, W, 3]; changed.
        caption: What to draw.
        corner: x and y of the plate's top left pixel.
        colour: Of the plate, whose corners are round.
    """
    x, y = corner
    radius = max(1, caption.pad // 2)
    right, bottom = x + caption.width - 1, y + caption.height - 1
    cv2.rectangle(drawn, (x + radius, y), (right - radius, bottom), colour, cv2.FILLED)
    cv2.rectangle(drawn, (x, y + radius), (right, bottom - radius), colour, cv2.FILLED)
    for centre_x in (x + radius, right - radius):
        for centre_y in (y + radius, bottom - radius):
            cv2.circle(drawn, (centre_x, centre_y), radius, colour, cv2.FILLED, cv2.LINE_AA)
    foot = (x + caption.pad, y + caption.pad + caption.text_height)
    cv2.putText(drawn, caption.text, foot, _FONT, caption.scale, WHITE, caption.stroke, cv2.LINE_AA)


def spell_label(label: str) -> str:
    """Spells a label with the letters that OpenCV's font has: accents go, others become `?`."""
    plain = unicodedata.normalize("NFKD", label)
    letters = (c for c in plain if not unicodedata.combining(c))
    text = "".join(c if c.isascii() and c.isprintable() else "?" for c in letters)
    return text if len(text) <= _MAX_LABEL else f"{text[: _MAX_LABEL - 2]}.."
