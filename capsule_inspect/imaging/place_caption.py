"""Where the captions of an overlay go: beside their capsule, and off defects and each other."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.caption import Caption

# What a caption pays for each pixel that it covers: to hide a defect is ten times as bad as to hide
# another caption, and to hide a box, which is mostly capsule, hardly matters.
_COST_OF_DEFECT = 1000
_COST_OF_CAPTION = 100
_COST_OF_BOX = 1

_PROFILE_STEPS = 33
"""Places at which the height of an outline above a caption is measured."""


def cover_costs(
    shape: tuple[int, ...],
    outlines: Sequence[NDArray[np.float64]],
    masks: Sequence[NDArray[np.bool_] | None],
) -> NDArray[np.int16]:
    """Returns what it costs to cover each pixel before any caption is placed.

    Args:
        shape: Height and width of the picture.
        outlines: float64 [4, 2] each, the corners of the boxes as they are drawn.
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
    """Places a caption above its box if there is room, else at the next best place.

    Args:
        caption: What to place.
        outline: float64 [4, 2], the corners of its box, in native pixels.
        costs: int16 [H, W], what it costs to cover each pixel; the caption's pixels are raised.
        gap: Pixels between box and caption.

    Returns:
        x and y of its top left pixel.
    """
    spots = _spots(caption, outline, costs.shape, gap)
    x, y = min(spots, key=lambda spot: _cost(caption, spot, costs))
    costs[y : y + caption.height, x : x + caption.width] += _COST_OF_CAPTION
    return x, y


def _spots(
    caption: Caption, outline: NDArray[np.float64], shape: tuple[int, ...], gap: int
) -> list[tuple[int, int]]:
    """Returns the places to try inside a picture, the best first."""
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
    """Returns the least and greatest y of a convex outline between two x."""
    x = np.linspace(start, end, _PROFILE_STEPS)
    ys = []
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, 1, axis=0), strict=True):
        if x0 != x1:
            share = (x - x0) / (x1 - x0)
            ys.append((y0 + share * (y1 - y0))[(share >= 0) & (share <= 1)])
    within = np.concatenate(ys)
    within = within if within.size else outline[:, 1]
    return float(within.min()), float(within.max())
