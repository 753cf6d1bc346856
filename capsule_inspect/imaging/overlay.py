"""Findings drawn onto their picture, for people."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.locate import CapsuleBox
from capsule_inspect.imaging.read import Picture

_Points = NDArray[np.float64]
_Colour = tuple[int, int, int]

# Vermilion and bluish green stay apart for colour-blind eyes (after Okabe and Ito, "Color Universal
# Design", 2008); darkened until white text on them has a contrast of 4.5 to 1.
_DEFECT: _Colour = (204, 62, 8)
_GOOD: _Colour = (0, 130, 92)
_NOTE: _Colour = (80, 80, 80)
_WHITE: _Colour = (255, 255, 255)

_NOMINAL_SIDE = 1000
"""Longer side, in pixels, of the pictures that the sizes below are meant for; others scale."""
_LINE = 2.0
_BOX_MARGIN = 6.0
_TEXT_HEIGHT = 20.0
_LEAST_TEXT_HEIGHT = 11.0
_TINT = 0.28
_FONT = cv2.FONT_HERSHEY_DUPLEX
_LONGEST_LABEL = 24
_SUBPIXEL_BITS = 4
# What a caption pays for each pixel that it covers.
_COST_OF_DEFECT = 1000
_COST_OF_TAG = 100
_COST_OF_BOX = 1


@dataclass(frozen=True)
class Annotation:
    """What to draw for one capsule.

    Attributes:
        box: The capsule, in native pixels.
        label: Its class.
        score: Probability of the label, in [0, 1]; None for one that is known.
        is_defect: Decides the colour.
        mask: bool [H, W], the defect's pixels; None where nothing is known about them.
    """

    box: CapsuleBox
    label: str
    score: float | None
    is_defect: bool
    mask: NDArray[np.bool_] | None


@dataclass(frozen=True)
class _Tag:
    """A caption and the size of its plate, in pixels."""

    text: str
    scale: float
    stroke: int
    pad: int
    text_height: int
    width: int
    height: int


def draw_overlay(picture: Picture, annotations: Sequence[Annotation]) -> Picture:
    """Draws boxes, defects and captions; a picture without any gets a note that says so.

    The defect's contour runs just outside its pixels, so that it hides none of them, and captions
    avoid defects wherever the picture has room elsewhere.

    Args:
        picture: uint8 RGB, [H, W, 3]; left as it is.
        annotations: One per capsule, in any order.

    Returns:
        uint8 RGB, [H, W, 3].
    """
    drawn: Picture = picture.copy()
    if not annotations:
        note = _make_tag("no capsule found", picture)
        _draw_tag(drawn, note, (note.pad, note.pad), _NOTE)
        return drawn
    unit = max(picture.shape[:2]) / _NOMINAL_SIDE
    for annotation in annotations:
        _draw_box(drawn, annotation, unit)
    for annotation in annotations:
        if annotation.mask is not None and annotation.mask.any():
            _draw_defect(drawn, annotation.mask, unit)
    taken = _taken(drawn.shape[:2], annotations, unit)
    for annotation in annotations:
        tag = _make_tag(_caption(annotation), picture)
        x, y = _place(tag, _corners(annotation.box, unit), taken, round(4 * unit))
        _draw_tag(drawn, tag, (x, y), _colour(annotation))
        taken[y : y + tag.height, x : x + tag.width] += _COST_OF_TAG
    return drawn


def _caption(annotation: Annotation) -> str:
    label = _ascii(annotation.label)
    return label if annotation.score is None else f"{label} {annotation.score:.2f}"


def _colour(annotation: Annotation) -> _Colour:
    return _DEFECT if annotation.is_defect else _GOOD


def _thickness(width: float) -> int:
    return max(1, round(width))


def _draw_box(drawn: Picture, annotation: Annotation, unit: float) -> None:
    line = _thickness(0.75 * _LINE * unit)
    _draw_outline(drawn, [_corners(annotation.box, unit)], _colour(annotation), line)


def _corners(box: CapsuleBox, unit: float) -> _Points:
    """Returns the corners of a capsule's box, drawn a little larger than it: [4, 2]."""
    turn = np.deg2rad(box.angle)
    along = np.array([np.cos(turn), np.sin(turn)]) * (box.width / 2 + _BOX_MARGIN * unit)
    across = np.array([-np.sin(turn), np.cos(turn)]) * (box.height / 2 + _BOX_MARGIN * unit)
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return np.array([(box.x, box.y) + a * along + b * across for a, b in signs])


def _draw_outline(
    drawn: Picture, outlines: Sequence[_Points], colour: _Colour, line: int, halo: int = 0
) -> None:
    """Draws closed outlines, given in continuous coordinates, with an optional white rim."""
    scale = 1 << _SUBPIXEL_BITS
    fixed = [np.rint((points - 0.5) * scale).astype(np.int32) for points in outlines]
    strokes = [(_WHITE, line + 2 * halo)] if halo else []
    for stroke, width in [*strokes, (colour, line)]:
        cv2.polylines(drawn, fixed, True, stroke, width, cv2.LINE_AA, _SUBPIXEL_BITS)


def _draw_defect(drawn: Picture, mask: NDArray[np.bool_], unit: float) -> None:
    line, rim = _thickness(_LINE * unit), round(unit)  # no rim on pictures under 500 pixels
    margin = 4 * (line + rim)
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    top, left = max(0, y - margin), max(0, x - margin)
    window = (slice(top, y + height + margin), slice(left, x + width + margin))
    part, inside = drawn[window], mask[window]
    tinted = part[inside] * (1 - _TINT) + np.array(_DEFECT) * _TINT
    part[inside] = np.rint(tinted).astype(np.uint8)
    origin = np.array([left, top]) + 0.5
    outlines = [contour + origin for contour in _contours(inside, line / 2 + rim, unit)]
    _draw_outline(drawn, outlines, _DEFECT, line, rim)


def _contours(mask: NDArray[np.bool_], gap: float, unit: float) -> list[_Points]:
    """Traces a mask at a distance, without the steps of its pixels; in pixel indices."""
    reach = int(np.ceil(gap))
    padded = np.pad(mask.astype(np.uint8) * 255, 3 * reach)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    smooth = cv2.GaussianBlur(cv2.dilate(padded, kernel), (0, 0), max(0.6, 1.2 * unit))
    _, grown = cv2.threshold(smooth, 127, 255, cv2.THRESH_BINARY)
    found, _ = cv2.findContours(grown, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return [contour[:, 0].astype(np.float64) - 3 * reach for contour in found]


def _taken(
    shape: tuple[int, ...], annotations: Sequence[Annotation], unit: float
) -> NDArray[np.int16]:
    """Returns what it costs to cover each pixel, [H, W]."""
    cost = np.zeros(shape, np.int16)
    for annotation in annotations:
        corners = np.rint(_corners(annotation.box, unit)).astype(np.int32)
        cv2.fillConvexPoly(cost, corners, _COST_OF_BOX)
    for annotation in annotations:
        if annotation.mask is not None:
            cost[annotation.mask] = _COST_OF_DEFECT
    return cost


def _place(tag: _Tag, corners: _Points, taken: NDArray[np.int16], gap: int) -> tuple[int, int]:
    """Returns the top left corner of a tag: above its box if there is room, else the next best."""
    height, width = taken.shape
    left, right = corners[:, 0].min(), corners[:, 0].max() - tag.width
    candidates = []
    for x in (left, right, (left + right) / 2):
        column = float(np.clip(round(x), 0, max(0, width - tag.width)))
        above, below = _profile(corners, column, column + tag.width)
        candidates += [(column, above - gap - tag.height), (column, below + gap)]
    candidates.sort(key=lambda spot: spot[1] > corners[:, 1].mean())  # those above the box first
    candidates += [(x, y) for y in (0, height - tag.height) for x in (0, width - tag.width)]
    spots = [
        (
            round(min(max(x, 0), max(0, width - tag.width))),
            round(min(max(y, 0), max(0, height - tag.height))),
        )
        for x, y in candidates
    ]
    return min(spots, key=lambda spot: _cost(tag, spot, taken))


def _cost(tag: _Tag, spot: tuple[int, int], taken: NDArray[np.int16]) -> float:
    x, y = spot
    return float(taken[y : y + tag.height, x : x + tag.width].sum())


def _profile(corners: _Points, start: float, end: float) -> tuple[float, float]:
    """Returns the least and greatest y of a convex outline between two x."""
    x = np.linspace(start, end, 33)
    ys = []
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, 1, axis=0), strict=True):
        if x0 != x1:
            share = (x - x0) / (x1 - x0)
            ys.append((y0 + share * (y1 - y0))[(share >= 0) & (share <= 1)])
    within = np.concatenate(ys)
    within = within if within.size else corners[:, 1]
    return float(within.min()), float(within.max())


def _make_tag(text: str, picture: Picture) -> _Tag:
    """Sizes a caption for its picture, and smaller where it would be wider than that."""
    height, width = picture.shape[:2]
    unit = max(height, width) / _NOMINAL_SIDE
    (full, tall), _ = cv2.getTextSize(text, _FONT, 1.0, 1)
    wanted = max(_LEAST_TEXT_HEIGHT, _TEXT_HEIGHT * unit)
    scale = min(wanted / tall, 0.9 * width / full)
    text_height = max(1, round(scale * tall))
    pad = max(3, round(0.45 * text_height))
    stroke = _thickness(text_height / 16)
    (text_width, _), _ = cv2.getTextSize(text, _FONT, scale, stroke)
    return _Tag(text, scale, stroke, pad, text_height, text_width + 2 * pad, text_height + 2 * pad)


def _draw_tag(drawn: Picture, tag: _Tag, corner: tuple[int, int], colour: _Colour) -> None:
    x, y = corner
    radius = max(1, tag.pad // 2)
    right, bottom = x + tag.width - 1, y + tag.height - 1
    cv2.rectangle(drawn, (x + radius, y), (right - radius, bottom), colour, cv2.FILLED)
    cv2.rectangle(drawn, (x, y + radius), (right, bottom - radius), colour, cv2.FILLED)
    for centre_x in (x + radius, right - radius):
        for centre_y in (y + radius, bottom - radius):
            cv2.circle(drawn, (centre_x, centre_y), radius, colour, cv2.FILLED, cv2.LINE_AA)
    foot = (x + tag.pad, y + tag.pad + tag.text_height)
    cv2.putText(drawn, tag.text, foot, _FONT, tag.scale, _WHITE, tag.stroke, cv2.LINE_AA)


def _ascii(label: str) -> str:
    """Spells a label with the letters that OpenCV's font has."""
    plain = unicodedata.normalize("NFKD", label)
    letters = (c for c in plain if not unicodedata.combining(c))
    text = "".join(c if c.isascii() and c.isprintable() else "?" for c in letters)
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 2]}.."
