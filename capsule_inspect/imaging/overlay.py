"""Draw the overlay of a picture: boxes, defects and captions."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.annotation import (
    DEFECT_COLOUR,
    GOOD_COLOUR,
    NOTE_COLOUR,
    WHITE,
    Colour,
    Drawable,
)
from capsule_inspect.imaging.captions import (
    cover_costs,
    draw_caption,
    make_caption,
    place_caption,
    spell_label,
)
from capsule_inspect.imaging.find_capsules import CapsuleBox
from capsule_inspect.imaging.heat import draw_heat, draw_legend
from capsule_inspect.imaging.picture import Picture

_Points = NDArray[np.float64]

_NOMINAL_SIDE = 1000
"""The longer side, in pixels, of the pictures that the sizes below are for; others scale them."""
_LINE = 2.0
"""Thickness of a defect's contour; the lines of a box are three quarters as thick."""
_BOX_MARGIN = 6.0
"""Distance between a capsule's box and the line drawn around it."""
_CAPTION_GAP = 4
"""Distance between that line and the caption."""
_TINT = 0.28
"""Share of the defect's colour over its pixels: visible, and the defect stays visible too."""
_SUBPIXEL_BITS = 4
"""OpenCV draws at sixteenths of a pixel."""


def draw_overlay(picture: Picture, capsules: Sequence[Drawable]) -> Picture:
    """Draws the findings on a picture: boxes, defects and captions.

    A defect's contour runs just outside its pixels and hides none of them. Captions avoid defects
    wherever the picture has room elsewhere. Without any capsule, a note says so. A hint is drawn as
    a heat map, with a legend that says that it is no mask.

    Args:
        picture: uint8 RGB, [H, W, 3]; stays as it is.
        capsules: The findings of the picture, or annotations, in any order.

    Returns:
        A new picture, uint8 RGB, [H, W, 3].
    """
    drawn: Picture = picture.copy()
    height, width = picture.shape[:2]
    unit = max(height, width) / _NOMINAL_SIDE
    if not capsules:
        note = make_caption("no capsule found", width, unit)
        draw_caption(drawn, note, (note.pad, note.pad), NOTE_COLOUR)
        return drawn
    # One map after another: on a large picture each takes much memory.
    has_hint = False
    for capsule in capsules:
        hint = capsule.hint
        if hint is not None:
            draw_heat(drawn, hint)
            has_hint = True
    outlines = [_outline(capsule.box, unit) for capsule in capsules]
    for capsule, outline in zip(capsules, outlines, strict=True):
        _draw_lines(drawn, [outline], _colour(capsule), _thickness(0.75 * _LINE * unit))
    for capsule in capsules:
        mask = capsule.mask
        if mask is not None and mask.any():
            _draw_defect(drawn, mask, unit)
    costs = cover_costs((height, width), outlines, map(_not_to_hide, capsules))
    for capsule, outline in zip(capsules, outlines, strict=True):
        caption = make_caption(_text(capsule), width, unit)
        corner = place_caption(caption, outline, costs, round(_CAPTION_GAP * unit))
        draw_caption(drawn, caption, corner, _colour(capsule))
    if has_hint:
        draw_legend(drawn, costs, unit)
    return drawn


_STRONG = 0.5
"""From this level on, captions keep off a hint as they do off a defect."""


def _not_to_hide(capsule: Drawable) -> NDArray[np.bool_] | None:
    hint = capsule.hint
    return capsule.mask if hint is None else np.asarray(hint >= _STRONG)


_LIKELY = 0.5
"""From this confidence on, a label is likelier than all others together."""


def _text(capsule: Drawable) -> str:
    label, confidence = spell_label(capsule.label), capsule.confidence
    if confidence is None:
        return label
    if not capsule.is_defect and confidence < _LIKELY:
        # Of a model with a high threshold, where `good 0.18` would look like a mistake.
        return f"{label}, score {1 - confidence:.2f}"
    return f"{label} {confidence:.2f}"


def _colour(capsule: Drawable) -> Colour:
    return DEFECT_COLOUR if capsule.is_defect else GOOD_COLOUR


def _thickness(width: float) -> int:
    return max(1, round(width))


def _outline(box: CapsuleBox, unit: float) -> _Points:
    """Returns the corners of the line around a capsule, a little outside its box: [4, 2]."""
    turn = np.deg2rad(box.angle)
    along = np.array([np.cos(turn), np.sin(turn)]) * (box.length / 2 + _BOX_MARGIN * unit)
    across = np.array([-np.sin(turn), np.cos(turn)]) * (box.width / 2 + _BOX_MARGIN * unit)
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return np.array([(box.x, box.y) + a * along + b * across for a, b in signs])


def _draw_lines(
    drawn: Picture, outlines: Sequence[_Points], colour: Colour, line: int, halo: int = 0
) -> None:
    """Draws closed outlines in continuous coordinates, with an optional white rim."""
    scale = 1 << _SUBPIXEL_BITS
    fixed = [np.rint((points - 0.5) * scale).astype(np.int32) for points in outlines]
    strokes = [(WHITE, line + 2 * halo)] if halo else []
    for stroke, width in [*strokes, (colour, line)]:
        cv2.polylines(drawn, fixed, True, stroke, width, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_defect(drawn: Picture, mask: NDArray[np.bool_], unit: float) -> None:
    line, rim = _thickness(_LINE * unit), round(unit)  # no rim on pictures under 500 pixels
    margin = 4 * (line + rim)
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    top, left = max(0, y - margin), max(0, x - margin)
    window = (slice(top, y + height + margin), slice(left, x + width + margin))
    part, inside = drawn[window], mask[window]
    tinted = part[inside] * (1 - _TINT) + np.array(DEFECT_COLOUR) * _TINT
    part[inside] = np.rint(tinted).astype(np.uint8)
    origin = np.array([left, top]) + 0.5
    contours = [contour + origin for contour in _contours(inside, line / 2 + rim, unit)]
    _draw_lines(drawn, contours, DEFECT_COLOUR, line, rim)


def _contours(mask: NDArray[np.bool_], gap: float, unit: float) -> list[_Points]:
    """Returns smooth contours at a distance around a mask, in pixel indices."""
    reach = int(np.ceil(gap))
    padded = np.pad(mask.astype(np.uint8) * 255, 3 * reach)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    smooth = cv2.GaussianBlur(cv2.dilate(padded, kernel), (0, 0), max(0.6, 1.2 * unit))
    _, grown = cv2.threshold(smooth, 127, 255, cv2.THRESH_BINARY)
    found, _ = cv2.findContours(grown, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return [contour[:, 0].astype(np.float64) - 3 * reach for contour in found]
