"""Augmentation of training capsules, and transplanting of defects onto good ones."""

import math
import os
import threading
from dataclasses import replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.imaging.affine import for_pixel_centres
from capsule_inspect.imaging.crop import Crop, compose
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.groups import AugmentSettings
from capsule_inspect.training.ground import change_ground
from capsule_inspect.training.sources import Source

Matrix = NDArray[np.float64]

_BLUR: Final = (0.3, 1.0)
"""Standard deviations in window pixels: a lens from sharp to slightly out of focus. More would
erase fine scratches, and the label would be wrong."""
_NOISE: Final = (1.0, 8.0)
"""Standard deviations in grey levels at native resolution: a sensor in good to poor light. Small
ones are more frequent. More would hide faint defects, and the label would be wrong."""
_QUALITY: Final = (40, 95)
"""JPEG qualities, from a network camera's to a good one."""

_SMALLEST: Final = 0.05
"""A window that shows its capsule smaller than this may look beyond its reach."""


def reach(settings: AugmentSettings, roi: Roi) -> float:
    """Returns how far outside the window an augmented window can look, in window pixels."""
    turned = 2 * math.sin(math.radians(min(settings.rotate, 180)) / 2) + settings.scale
    shifted = math.hypot(settings.shift_x, settings.shift_y)
    smallest = max(_SMALLEST, 1 - settings.scale)
    return (math.hypot(roi.width, roi.height) / 2 * turned + shifted) / smallest


class Augmenter:
    """Turns, shifts, flips, degrades and relights capsules, and changes their ground.

    The pose is changed in the one warp that cuts the window, so that an augmented window is as
    sharp as one that `predict` sees. Noise and JPEG compression come before it, at the camera's
    resolution. Any number of threads can share it.

    Args:
        settings: Limits and probabilities of the changes.
        roi: The network's window.
    """

    def __init__(self, settings: AugmentSettings, roi: Roi) -> None:
        self._settings, self._roi = settings, roi
        self._local = threading.local()

    def __call__(
        self, source: Source, random: np.random.Generator
    ) -> tuple[Picture, NDArray[np.uint8] | None]:
        """Augments one capsule.

        Args:
            source: The capsule.
            random: Draws all changes.

        Returns:
            Image uint8 [roi.height, roi.width, 3] and mask uint8 [roi.height, roi.width]; the mask
            is None if the capsule has none.
        """
        picture = self._degrade(self._lay(source, *random.spawn(1)), random)
        crop = compose(self._change_pose(random), source.crop)
        relight = self._light_changes()
        relight.set_random_seed(int(random.integers(2**31)))
        window = relight(image=crop.take(picture))["image"]
        mask = None if source.mask is None else crop.take(source.mask)
        return np.asarray(window, np.uint8), mask

    def _light_changes(self) -> Any:
        """Returns this thread's changes of light; they hold the state of their generator."""
        if not hasattr(self._local, "changes"):
            self._local.changes = _compose_light_changes(self._settings)
        return self._local.changes

    def _lay(self, source: Source, random: np.random.Generator) -> Picture:
        if random.random() < self._settings.ground:
            return change_ground(source.picture, source.crop, random)
        return source.picture

    def _degrade(self, picture: Picture, random: np.random.Generator) -> Picture:
        if random.random() < self._settings.noise:
            picture = _add_noise(picture, random)
        if random.random() < self._settings.compress:
            picture = _compress(picture, int(random.integers(_QUALITY[0], _QUALITY[1] + 1)))
        return picture

    def _change_pose(self, random: np.random.Generator) -> Matrix:
        """Returns a map of window coordinates, float64 [2, 3]: turned, scaled, flipped, shifted."""
        s = self._settings
        turn = math.radians(random.uniform(-s.rotate, s.rotate))
        scale = 1 + random.uniform(-s.scale, s.scale)
        shift = random.uniform(-s.shift_x, s.shift_x), random.uniform(-s.shift_y, s.shift_y)
        mirror = -1.0 if random.random() < s.flip else 1.0
        a, b = scale * math.cos(turn), scale * math.sin(turn)
        linear = np.array([[a, -b * mirror], [b, a * mirror]])
        centre = np.array([self._roi.width / 2, self._roi.height / 2])
        return np.column_stack([linear, centre + shift - linear @ centre])


def _compose_light_changes(s: AugmentSettings) -> Any:
    # Stops albumentations from looking for a newer version online when it is imported.
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    import albumentations as A  # noqa: N812  (the name its documentation uses)

    return A.Compose(
        [
            A.RandomGamma((100 / s.gamma, 100 * s.gamma), p=1),
            A.RandomBrightnessContrast(s.brightness, s.contrast, p=1),
            A.MultiplicativeNoise((1 - s.cast, 1 + s.cast), per_channel=True, p=1),
            A.GaussianBlur(blur_limit=0, sigma_limit=_BLUR, p=s.blur),
        ]
    )


def _add_noise(picture: Picture, random: np.random.Generator) -> Picture:
    low, high = _NOISE
    deviation = low + (high - low) * random.random() ** 1.5
    noise = random.standard_normal(picture.shape, dtype=np.float32)
    noisy = np.rint(picture + deviation * noise)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def _compress(picture: Picture, quality: int) -> Picture:
    swapped = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


_DILATION: Final = 4
"""Window pixels copied around a defect: its shading reaches beyond its mask."""
_FEATHER: Final = 2.0
"""Standard deviation of the soft edge, in window pixels; the network must not learn a seam."""
_SHIFT: Final = (24, 8)
"""Largest shift along and across the capsule, in window pixels; more would change the surface under
the defect."""


def transplant(donor: Source, host: Source, random: np.random.Generator) -> Source:
    """Copies a defect from one capsule to another, with a small shift.

    Both capsules have the same pose in their windows, so the defect lands on a similar surface. Not
    for defects that change the outline.

    Args:
        donor: A defective capsule with a mask.
        host: A good capsule; it stays unchanged.
        random: Draws the shift.

    Returns:
        A copy of the host with the donor's defect, mask and label.

    Raises:
        ValueError: The donor has no mask.
    """
    if donor.mask is None:
        raise ValueError("A defect without a mask cannot be transplanted.")
    move = _between(donor.crop, host.crop, random)
    height, width = host.picture.shape[:2]
    image, mask = (
        cv2.warpAffine(part, move, (width, height), borderMode=mode)
        for part, mode in (
            (donor.picture, cv2.BORDER_REPLICATE),
            (donor.mask, cv2.BORDER_CONSTANT),
        )
    )
    alpha = _soften(np.asarray(mask, np.uint8), 1 / math.sqrt(math.prod(host.crop.scales)))
    blended = alpha * image + (1 - alpha) * host.picture
    return replace(
        host,
        picture=np.rint(blended).astype(np.uint8),
        mask=np.asarray(mask, np.uint8),
        label=donor.label,
    )


def _between(donor: Crop, host: Crop, random: np.random.Generator) -> Matrix:
    """Returns the map from the donor's pixels to the host's, float64 [2, 3], for OpenCV."""
    last = np.array([0.0, 0.0, 1.0])
    shift = np.eye(3)
    shift[:2, 2] = [random.integers(-most, most + 1) for most in _SHIFT]
    whole = (
        np.linalg.inv(np.vstack([host.matrix, last])) @ shift @ np.vstack([donor.matrix, last])
    )[:2]
    return for_pixel_centres(np.asarray(whole, np.float64))


def _soften(mask: NDArray[np.uint8], unit: float) -> NDArray[np.float32]:
    """Returns the opacity of a defect, float32 [H, W, 1]: its mask, grown, with a soft edge.

    Args:
        mask: uint8 [H, W], 255 on the defect.
        unit: Native pixels per window pixel.
    """
    size = 2 * round(_DILATION * unit) + 1
    grown = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    soft = cv2.GaussianBlur(grown.astype(np.float32) / 255, (0, 0), _FEATHER * unit)
    return np.maximum(soft, mask.astype(np.float32) / 255)[..., None]
