"""Laying a capsule on another ground, as if someone had cut it out of its picture."""

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.crop import Crop
from capsule_inspect.imaging.find_capsules import FoundObjects, find_objects
from capsule_inspect.imaging.picture import Picture

_RIM: Final = (1.5, 12.0)
"""Width of the old ground that stays around the capsule, in window pixels: from its soft edge to
all of its shadow. The outline itself, which shows chips and dents, always stays."""
_SOFTNESS: Final = (0.5, 3.0)
"""Width of the seam, in window pixels: from a hard cut to a soft brush."""
_LEVEL: Final = (0.8, 1.1)
"""Brightness of the new ground, as a share of the old one's."""
_CAST: Final = 8.0
"""Largest change of each of its channels, in grey levels."""
_GRAIN: Final = 3.0
"""Largest standard deviation of its noise, in grey levels."""


def change_ground(picture: Picture, crop: Crop, random: np.random.Generator) -> Picture:
    """Replaces the ground around a capsule by an even one of another shade.

    Args:
        picture: uint8 RGB [H, W, 3].
        crop: The capsule's window in the picture.
        random: Draws the new ground, and where it begins.

    Returns:
        A changed copy; the picture itself if the capsule is not found in it.
    """
    unit = 1 / math.sqrt(math.prod(crop.scales))
    rim, softness = (random.uniform(*limits) * unit for limits in (_RIM, _SOFTNESS))
    level, grain = random.uniform(*_LEVEL), random.uniform(0, _GRAIN)
    cast = random.uniform(-_CAST, _CAST, 3)
    distance = _distance(picture, crop)
    if distance is None:
        return picture
    beyond = distance > _RIM[1] * unit
    if not beyond.any():
        return picture
    colour = np.median(picture[beyond], axis=0) * level + cast
    noise = random.standard_normal(picture.shape[:2], dtype=np.float32)[..., None]
    ground = colour.astype(np.float32) + np.float32(grain) * noise
    share = np.clip((distance - rim) / softness, 0, 1)[..., None]
    return np.asarray(np.clip(np.rint(picture + share * (ground - picture)), 0, 255), np.uint8)


def _distance(picture: Picture, crop: Crop) -> NDArray[np.float32] | None:
    """Returns the distance of each pixel to the capsule, float32 [H, W], in pixels of the picture.

    Returns:
        0 inside the capsule and at its outline; None if it is not found.
    """
    found = find_objects(picture)
    index = _nearest(found, crop)
    if index is None:
        return None
    outside = (found.components[index].mask == 0).astype(np.uint8)
    small = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    height, width = picture.shape[:2]
    # The small copy shows the outline to within a pixel of its own.
    enlarged = cv2.resize(np.maximum(small - 1, 0), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged * (width / small.shape[1]), np.float32)


def _nearest(found: FoundObjects, crop: Crop) -> int | None:
    """Returns the index of the component of a crop's capsule; None if it is not among those."""
    for box, index in found.capsules:
        if math.hypot(box.x - crop.box.x, box.y - crop.box.y) < 0.2 * crop.box.length:
            return index
    return None
