"""Augmentation of training crops, and transplanting of defects onto good capsules."""

import os
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.groups import AugmentSettings
from capsule_inspect.training.crops import TrainingCrop

_BLUR = (0.3, 1.0)
"""Standard deviations in window pixels: a lens from sharp to slightly out of focus. More would
erase fine scratches, and the label would be wrong."""
_NOISE = (0.004, 0.02)
"""Standard deviations as shares of 255: 1 to 5 grey levels, a sensor in good to poor light."""


class Augmenter:
    """Randomly shifts, flips and relights crops, and cuts them to the network's window.

    Args:
        settings: Limits and probabilities of the changes.
        roi: The network's window.
    """

    def __init__(self, settings: AugmentSettings, roi: Roi) -> None:
        # Stops albumentations from looking for a newer version online when it is imported.
        os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
        import albumentations as A  # noqa: N812  (the name its documentation uses)

        s = settings
        self._compose = A.Compose(
            [
                A.Affine(
                    scale=(1 - s.scale, 1 + s.scale),
                    translate_px={"x": (-s.shift_x, s.shift_x), "y": (-s.shift_y, s.shift_y)},
                    rotate=(-s.rotate, s.rotate),
                    border_mode=cv2.BORDER_REPLICATE,
                    mask_interpolation=cv2.INTER_LINEAR,
                    p=1,
                ),
                A.CenterCrop(roi.height, roi.width),
                A.VerticalFlip(p=s.flip),
                A.RandomGamma((100 / s.gamma, 100 * s.gamma), p=1),
                A.RandomBrightnessContrast(s.brightness, s.contrast, p=1),
                A.MultiplicativeNoise((1 - s.cast, 1 + s.cast), per_channel=True, p=1),
                A.GaussianBlur(blur_limit=0, sigma_limit=_BLUR, p=s.blur),
                A.GaussNoise(std_range=_NOISE, p=s.noise),
            ]
        )

    def __call__(self, crop: TrainingCrop, seed: int) -> tuple[Picture, NDArray[np.uint8] | None]:
        """Augments one crop.

        Args:
            crop: A crop with a margin of `crops.MARGIN`.
            seed: The same crop and seed give the same result.

        Returns:
            Image uint8 [roi.height, roi.width, 3] and mask uint8 [roi.height, roi.width]; the mask
            is None if the crop has none.
        """
        self._compose.set_random_seed(seed)
        if crop.mask is None:
            return np.asarray(self._compose(image=crop.image)["image"], np.uint8), None
        result = self._compose(image=crop.image, mask=crop.mask)
        return np.asarray(result["image"], np.uint8), np.asarray(result["mask"], np.uint8)


_DILATION = 4
"""Window pixels copied around a defect: its shading reaches beyond its mask."""
_FEATHER = 2.0
"""Standard deviation of the soft edge, in window pixels; the network must not learn a seam."""
_SHIFT = (24, 8)
"""Largest shift along and across the capsule, in window pixels; more would change the surface under
the defect."""


def transplant(
    donor: TrainingCrop,
    defect: NDArray[np.uint8],
    host: TrainingCrop,
    random: np.random.Generator,
) -> TrainingCrop:
    """Copies a defect from one capsule to another, with a small shift.

    Both capsules have the same pose in their windows, so the defect lands on a similar surface. Not
    for defects that change the outline.

    Args:
        donor: A defective capsule.
        defect: Its mask, uint8 [h, w] in the size of its image: 255 on the defect, 0 elsewhere, in
            between at edges.
        host: A good capsule of the same image size; it stays unchanged.
        random: Draws the shift.

    Returns:
        A copy of the host with the donor's defect, mask and label.
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
