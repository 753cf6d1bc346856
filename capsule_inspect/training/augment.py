"""Augment training windows, and transplant defects onto good capsules."""

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
"""Standard deviations in window pixels: a lens from sharp to slightly out of focus. More would wipe
out fine scratches, and with them the reason for the label."""
_NOISE = (0.004, 0.02)
"""Standard deviations as shares of 255: 1 to 5 grey levels, a sensor in good to poor light."""


class Augmenter:
    """Moves, mirrors and relights crops, and cuts them to the network's window.

    Args:
        settings: How far each change goes at most, and how often it is made.
        roi: The network's window.
    """

    def __init__(self, settings: AugmentSettings, roi: Roi) -> None:
        # Without this albumentations asks the network for its newest version when imported.
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
        """Varies one crop.

        Args:
            crop: With the margin of `crops.MARGIN`.
            seed: The same seed varies the same crop in the same way.

        Returns:
            Image uint8 [roi.height, roi.width, 3] and mask uint8 [roi.height, roi.width], None if
            the crop has none.
        """
        self._compose.set_random_seed(seed)
        if crop.mask is None:
            return np.asarray(self._compose(image=crop.image)["image"], np.uint8), None
        varied = self._compose(image=crop.image, mask=crop.mask)
        return np.asarray(varied["image"], np.uint8), np.asarray(varied["mask"], np.uint8)


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
