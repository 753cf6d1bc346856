"""Draw a hint into a picture as a heat map, and its legend."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.annotation import NOTE_COLOUR
from capsule_inspect.imaging.captions import Caption, draw_caption, make_caption, place_note
from capsule_inspect.imaging.picture import Picture

_LEGEND = "hint: what decided, not a mask"
_MOST_OPAQUE = 0.5
"""The share of the colour at the highest place; elsewhere it is in proportion to the level."""
_RAMP = ((255, 225, 60), (250, 120, 10), (215, 0, 95))
"""The colours of the lowest level, of the middle and of the highest, RGB; between, they are mixed.
They darken from low to high, for eyes that cannot tell red from green."""
_ROWS = 256
"""Rows that are coloured at once: of a large picture, all of them would take much memory."""


def colours_of(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the colour of each level, float32 RGB [..., 3].

    Args:
        levels: float32, from 0 to 1.
    """
    stops = np.linspace(0, 1, len(_RAMP))
    channels = [np.interp(levels, stops, channel) for channel in zip(*_RAMP, strict=True)]
    return np.stack(channels, axis=-1).astype(np.float32)


def draw_heat(drawn: Picture, hint: NDArray[np.float32]) -> None:
    """Colours a picture half transparently; where the hint is 0, nothing changes.

    Args:
        drawn: uint8 RGB, [H, W, 3]; changed in place.
        hint: float32 [H, W], from 0 to 1.
    """
    for part in _parts(hint):
        levels = hint[part]
        share = (_MOST_OPAQUE * levels)[..., None]
        mixed = drawn[part] * (1 - share) + colours_of(levels) * share
        drawn[part] = np.rint(mixed).astype(np.uint8)


def _parts(hint: NDArray[np.float32]) -> Iterator[tuple[slice, slice]]:
    """Yields the parts of a picture that hold what is above 0."""
    x, y, width, height = cv2.boundingRect((hint > 0).view(np.uint8))
    for top in range(y, y + height, _ROWS):
        yield slice(top, min(top + _ROWS, y + height)), slice(x, x + width)


def draw_legend(drawn: Picture, costs: NDArray[np.int16], unit: float) -> None:
    """Draws what the colours mean into a corner of a picture, over a strip of them.

    Args:
        drawn: uint8 RGB, [H, W, 3]; changed in place.
        costs: int16 [H, W], the cost of covering each pixel; raised where the legend goes.
        unit: Pixels per pixel of a picture of the nominal size.
    """
    legend = make_caption(_LEGEND, drawn.shape[1], unit)
    corner = place_note(legend, costs)
    draw_caption(drawn, legend, corner, NOTE_COLOUR)
    _draw_strip(drawn, legend, corner)


def _draw_strip(drawn: Picture, legend: Caption, corner: tuple[int, int]) -> None:
    """Draws the colours, from low to high, below the text."""
    x, y = corner
    width, height = legend.width - 2 * legend.pad, max(3, legend.pad // 2)
    top = y + legend.pad + legend.text_height + max(1, legend.pad // 4)
    strip = drawn[top : top + height, x + legend.pad : x + legend.pad + width]
    levels = np.linspace(0, 1, strip.shape[1], dtype=np.float32)
    strip[:] = np.rint(colours_of(levels)).astype(np.uint8)
