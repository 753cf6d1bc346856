"""Transplanting a real defect from one capsule to another: copy-paste augmentation.

Ghiasi et al., "Simple Copy-Paste Is a Strong Data Augmentation Method for Instance Segmentation",
2021; theirs pastes at random places.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.crops import TrainingCrop

_DILATION = 4
"""Window pixels of surroundings that go with a defect: its shading reaches beyond its mask."""
_FEATHER = 2.0
"""Standard deviation of the soft edge, in window pixels: no network shall learn a seam."""
_SHIFT = (24, 8)
"""Largest move along and across the capsule, in window pixels; further would leave its ground."""


def transplant(
    donor: TrainingCrop,
    defect: NDArray[np.uint8],
    host: TrainingCrop,
    random: np.random.Generator,
) -> TrainingCrop:
    """Puts the defect of one capsule on another, a little shifted.

    Both capsules lie alike in their windows, so the defect lands on the same kind of ground. It
    does not suit defects that change the outline.

    Args:
        donor: A defective capsule.
        defect: Its mask, uint8 [h, w] of the size of its image: 255 on the defect, 0 elsewhere,
            between at edges.
        host: A good capsule, its image of the same size; it is left as it is.
        random: Decides the shift.

    Returns:
        The host with the donor's defect, mask and label.
    """
    shift = [random.integers(-reach, reach + 1) for reach in _SHIFT]
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    height, width = defect.shape
    image, mask = (
        cv2.warpAffine(part, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
        for part in (donor.image, defect)
    )
    size = 2 * _DILATION + 1
    grown = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    alpha = cv2.GaussianBlur(grown.astype(np.float32) / 255, (0, 0), _FEATHER)[..., None]
    alpha = np.maximum(alpha, mask[..., None] / 255)
    blended = alpha * image + (1 - alpha) * host.image
    return replace(
        host,
        image=np.round(blended).astype(np.uint8),
        mask=np.asarray(mask, np.uint8),
        label=donor.label,
    )
