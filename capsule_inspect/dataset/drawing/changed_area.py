"""Where a defect changed a drawn capsule: what its mask covers."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.drawing.canvas import Plane
from capsule_inspect.dataset.drawing.flaw import Flaw
from capsule_inspect.dataset.drawing.render import Rendering

# A change of fewer grey levels than this drowns in the noise; it is no defect to see.
_VISIBLE: Final = 12.0


def changed_area(now: Rendering, clean: Rendering, flaw: Flaw, pixels: float) -> Plane:
    """Finds where a defect visibly changed a capsule.

    Args:
        now: The capsule with the defect.
        clean: The same without.
        flaw: What the defect did.
        pixels: Pixels of the canvas to a nominal one.

    Returns:
        A solid area on the canvas: float32 [h, w], 1 where it changed, 0 elsewhere.
    """
    change = np.abs(now.colours - clean.colours).max(axis=0) * np.minimum(now.cover, clean.cover)
    seen = (change >= _VISIBLE) | (np.abs(now.cover - clean.cover) >= 0.5)
    if flaw.extent is not None:
        seen |= (flaw.extent > 0.0) & (np.maximum(now.cover, clean.cover) >= 0.5)
    area = seen.astype(np.uint8)
    area = cv2.morphologyEx(area, cv2.MORPH_CLOSE, _disc(flaw.join * pixels))
    area = cv2.morphologyEx(area, cv2.MORPH_OPEN, _disc(3.0 * pixels))
    outlines, _ = cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(area, outlines, -1, 1, cv2.FILLED)
    return area.astype(np.float32)


def _disc(diameter: float) -> NDArray[np.uint8]:
    side = max(1, round(diameter)) | 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
