"""The captions of an overlay: their text, size and place."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.annotation import WHITE, Colour
from capsule_inspect.imaging.picture import Picture

_TEXT_HEIGHT = 20.0
"""Height of a capital letter in a picture of the nominal size: a fiftieth of its longer side."""
_MIN_TEXT_HEIGHT = 11.0
"""In pixels; in smaller letters OpenCV's strokes run into each other."""
_MAX_SHARE_OF_WIDTH = 0.9
"""Of the picture; longer captions get smaller letters."""
_MAX_LABEL = 24
"""Letters; a longer label would be too small to read. `faulty_imprint` has 14."""
_FONT = cv2.FONT_HERSHEY_DUPLEX


@dataclass(frozen=True)
class Caption:
    """A text and the plate behind it; lengths in pixels.

    Attributes:
        text: ASCII, on one line.
        scale: Of the font.
        stroke: Thickness of its lines.
        pad: Room between the text and the plate's edge.
        text_height: Height of a capital letter.
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
    """Sizes a caption for its picture; a long one gets smaller letters, so that it fits.

    Args:
        text: In ASCII; see `spell_label`.
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
    """Draws a caption into a picture, on a plate with round corners.

    Args:
        drawn: uint8 RGB, [H, W, 3]; changed in place.
        caption: What to draw.
        corner: x and y of the plate's top left pixel.
        colour: Of the plate.
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
    """Spells a label in the ASCII of OpenCV's font: drops accents, puts `?` for other letters."""
    plain = unicodedata.normalize("NFKD", label)
    letters = (c for c in plain if not unicodedata.combining(c))
    text = "".join(c if c.isascii() and c.isprintable() else "?" for c in letters)
    return text if len(text) <= _MAX_LABEL else f"{text[: _MAX_LABEL - 2]}.."


# The cost of each pixel that a caption covers. Hiding a defect is ten times as bad as hiding
# another caption; hiding a box, which is mostly capsule, hardly matters.
_COST_OF_DEFECT = 1000
_COST_OF_CAPTION = 100
_COST_OF_BOX = 1

_PROFILE_STEPS = 33
"""How many x positions along a caption an outline's height is measured at."""


def cover_costs(
    shape: tuple[int, ...],
    outlines: Sequence[NDArray[np.float64]],
    masks: Iterable[NDArray[np.bool_] | None],
) -> NDArray[np.int16]:
    """Returns the cost of covering each pixel, before any caption is placed.

    Args:
        shape: Height and width of the picture.
        outlines: float64 [4, 2] each, the corners of the drawn boxes.
        masks: bool [H, W] each, the defects; None where there is no mask.

    Returns:
        int16 [H, W].
    """
    costs = np.zeros(shape, np.int16)
    for outline in outlines:
        cv2.fillConvexPoly(costs, np.rint(outline).astype(np.int32), _COST_OF_BOX)
    for mask in masks:
        if mask is not None:
            costs[mask] = _COST_OF_DEFECT
    return costs


def place_caption(
    caption: Caption, outline: NDArray[np.float64], costs: NDArray[np.int16], gap: int
) -> tuple[int, int]:
    """Places a caption above its box if there is room, or else where it covers the least.

    Args:
        caption: What to place.
        outline: float64 [4, 2], the corners of its box, in native pixels.
        costs: int16 [H, W], the cost of covering each pixel; raised where the caption goes.
        gap: Pixels between box and caption.

    Returns:
        x and y of its top left pixel.
    """
    spots = _spots(caption, outline, costs.shape, gap)
    x, y = min(spots, key=lambda spot: _cost(caption, spot, costs))
    costs[y : y + caption.height, x : x + caption.width] += _COST_OF_CAPTION
    return x, y


def place_note(note: Caption, costs: NDArray[np.int16]) -> tuple[int, int]:
    """Places a caption of the whole picture in the corner where it covers the least.

    Args:
        note: What to place.
        costs: int16 [H, W], the cost of covering each pixel; raised where the caption goes.

    Returns:
        x and y of its top left pixel.
    """
    right, bottom = max(0, costs.shape[1] - note.width), max(0, costs.shape[0] - note.height)
    corners = [(0, bottom), (right, bottom), (0, 0), (right, 0)]
    x, y = min(corners, key=lambda spot: _cost(note, spot, costs))
    costs[y : y + note.height, x : x + note.width] += _COST_OF_CAPTION
    return x, y


def _spots(
    caption: Caption, outline: NDArray[np.float64], shape: tuple[int, ...], gap: int
) -> list[tuple[int, int]]:
    """Returns the places to try, all inside the picture, the best first."""
    room_x, room_y = max(0, shape[1] - caption.width), max(0, shape[0] - caption.height)
    left, right = outline[:, 0].min(), outline[:, 0].max() - caption.width
    candidates = []
    for x in (left, right, (left + right) / 2):
        column = float(np.clip(round(x), 0, room_x))
        above, below = _profile(outline, column, column + caption.width)
        candidates += [(column, above - gap - caption.height), (column, below + gap)]
    candidates.sort(key=lambda spot: spot[1] > outline[:, 1].mean())  # those above the box first
    candidates += [(x, y) for y in (0, room_y) for x in (0, room_x)]
    return [(round(min(max(x, 0), room_x)), round(min(max(y, 0), room_y))) for x, y in candidates]


def _cost(caption: Caption, spot: tuple[int, int], costs: NDArray[np.int16]) -> float:
    x, y = spot
    return float(costs[y : y + caption.height, x : x + caption.width].sum())


def _profile(outline: NDArray[np.float64], start: float, end: float) -> tuple[float, float]:
    """Returns the lowest and highest y of a convex outline between two x positions."""
    x = np.linspace(start, end, _PROFILE_STEPS)
    ys = []
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, 1, axis=0), strict=True):
        if x0 != x1:
            share = (x - x0) / (x1 - x0)
            ys.append((y0 + share * (y1 - y0))[(share >= 0) & (share <= 1)])
    within = np.concatenate(ys)
    within = within if within.size else outline[:, 1]
    return float(within.min()), float(within.max())
