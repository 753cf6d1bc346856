"""Draw the imprint of a capsule."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.float32]

# Strokes on a grid 4 wide and 6 high, y down; lower-case bodies span y 2 to 6. A leading "~"
# rounds a stroke's corners, "o" closes it as well.
_GLYPHS: Final[dict[str, str]] = {
    "0": "o0,1 0,5 1,6 3,6 4,5 4,1 3,0 1,0",
    "1": " 0.8,1.4 2.2,0 2.2,6",
    "2": "~0,1.2 0.4,0 3.8,0 4,2.6 2.2,3.8 0,6| 0,6 4,6",
    "3": "~0,0.6 1,0 4,0 4,2.8 1.6,2.9|~1.6,2.9 4.1,2.8 4.1,6 1,6 0,5.3",
    "4": " 3,6 3,0 0,4.2 4,4.2",
    "5": " 3.7,0 0.6,0 0.3,2.7|~0.3,2.7 1.4,2.1 4.1,2.1 4.1,6 1,6 0,5.3",
    "6": "~3.6,0.3 1.8,0 0,1.6 0,4|o0,4.2 0.3,6 3.7,6 4,4.2 3.7,2.5 0.3,2.5",
    "7": " 0,0 4,0 1.4,6",
    "8": "o0.3,1.4 0.6,2.9 3.4,2.9 3.7,1.4 3.4,0 0.6,0|o0,4.4 0.3,6 3.7,6 4,4.4 3.7,2.9 0.3,2.9",
    "9": "o0,1.8 0.3,3.6 3.7,3.6 4,1.8 3.7,0 0.3,0|~4,1.8 4,4.4 2.2,6 0.4,5.7",
    "a": "o0,4 0.3,5.9 3.3,5.9 3.6,4 3.3,2.1 0.3,2.1| 3.6,2 3.6,6",
    "b": "o0,4 0.3,5.9 3.3,5.9 3.6,4 3.3,2.1 0.3,2.1| 0,0 0,6",
    "c": "~3.4,2.6 2.6,2 0,2 0,6 2.6,6 3.4,5.4",
    "d": "o0,4 0.3,5.9 3.3,5.9 3.6,4 3.3,2.1 0.3,2.1| 3.6,0 3.6,6",
    "e": "~0,4 3.6,4 3.4,2 0.1,2 0,6 2.6,6 3.4,5.4",
    "l": " 0.5,0 0.5,6",
    "m": " 0,2 0,6|~0,3.4 0.6,2 2.1,2 2.1,3.4 2.1,6|~2.1,3.4 2.6,2 4.2,2 4.2,3.4 4.2,6",
    "n": " 0,2 0,6|~0,3.6 0.6,2 3.4,2 3.4,3.6 3.4,6",
    "o": "o0,4 0.3,6 3.5,6 3.8,4 3.5,2 0.3,2",
    "p": "o0,4 0.3,5.9 3.3,5.9 3.6,4 3.3,2.1 0.3,2.1| 0,2 0,7.6",
    "r": " 0,2 0,6|~0,3.6 0.6,2.1 2.2,2",
    "s": "~3.2,2.5 2.2,2 0.1,2 0.1,3.9 3.4,4.1 3.4,6 0.8,6 0,5.5",
    "u": "~0,2 0,6 2.8,6.1 3.4,4.6|~3.4,2 3.4,6",
    "w": " 0,2 1.2,6 2.4,2.4 3.6,6 4.8,2",
}
_ROUNDS = 3
_SUBPIXEL_BITS = 4


def print_texture(text: str, height: float, weight: float, pixels: float) -> Texture:
    """Draws a text on a flat strip.

    Args:
        text: Characters with a glyph: the digits and some lower-case letters.
        height: Height of a digit, in nominal pixels.
        weight: Width of the pen, in nominal pixels.
        pixels: Strip pixels per nominal pixel.

    Returns:
        Coverage by ink, float32 [h, w] in [0, 1], with a margin of one digit's height on all sides.
    """
    unit = height / 6.0 * pixels
    advance = 2.5 * unit
    strokes: list[NDArray[np.float64]] = []
    cursor = 0.0
    for character in text:
        glyph = [_stroke(part) for part in _GLYPHS[character].split("|")]
        strokes += [points * unit + (cursor, 0.0) for points in glyph]
        cursor += max(float(points[:, 0].max()) for points in glyph) * unit + advance
    margin = 6.0 * unit
    columns = int(np.ceil(cursor - advance + 2.0 * margin))
    canvas = np.zeros((int(np.ceil(6.0 * unit + 2.0 * margin)), columns), np.uint8)
    thickness = max(1, round(weight * pixels))
    for points in strokes:
        fixed = np.round((points + margin) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        cv2.polylines(canvas, [fixed], False, 255, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
    texture: Texture = canvas.astype(np.float32) / np.float32(255.0)
    return texture


def _stroke(part: str) -> NDArray[np.float64]:
    """Parses one stroke, and rounds it by Chaikin's corner cutting (1974) if marked so."""
    points = np.array([[float(v) for v in pair.split(",")] for pair in part[1:].split()])
    if part[0] == " ":
        return points
    closed = part[0] == "o"
    for _ in range(_ROUNDS):
        ends = np.vstack([points, points[:1]]) if closed else points
        near, far = ends[:-1], ends[1:]
        cut = np.stack([0.75 * near + 0.25 * far, 0.25 * near + 0.75 * far], axis=1).reshape(-1, 2)
        points = cut if closed else np.vstack([points[:1], cut, points[-1:]])
    return np.vstack([points, points[:1]]) if closed else points
