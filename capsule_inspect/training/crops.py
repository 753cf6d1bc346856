"""Crop training windows and masks from pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.drawing.capsules import draw_capsule, draw_labels
from capsule_inspect.imaging.crop import Crop, find_crops
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.roi import Roi

MARGIN = 32
"""Window pixels added on every side, so that turned and shifted crops show real picture."""
_DRAWN_FOR_TRAINING = 28_081
"""Part of the seed, so that training draws no picture that `prepare drawn` draws."""


@dataclass(frozen=True)
class TrainingCrop:
    """A capsule to train on.

    Attributes:
        image: uint8 RGB, [roi.height + 2 * MARGIN, roi.width + 2 * MARGIN, 3].
        mask: uint8 of the same height and width: 255 on defect, 0 elsewhere, values between at
            edges; None for a defect without a mask.
        label: Index of the class.
    """

    image: Picture
    mask: NDArray[np.uint8] | None
    label: int


def read_crops(data: DataSet, samples: Iterable[Sample], roi: Roi) -> list[TrainingCrop]:
    """Reads the capsules of samples.

    If a picture shows several capsules, those without a defect pixel count as good. A defective
    picture of several capsules is left out if it has no mask.

    Args:
        data: The data set the samples are of.
        samples: The pictures to read.
        roi: The window of the network, without the margin.

    Returns:
        A crop of each capsule found, in the order of the samples.

    Raises:
        PictureError: A picture or mask cannot be read.
        DataError: A mask is not of its picture's size.
    """
    crops = []
    for sample in samples:
        picture, truth = data.read(sample)
        mask = None if truth is None else np.where(truth, np.uint8(255), np.uint8(0))
        crops += _crop(picture, mask, data.classes.index(sample.label), roi)
    return crops


def draw_crops(count: int, seed: int, classes: Sequence[str], roi: Roi) -> list[TrainingCrop]:
    """Draws capsules in any pose.

    Args:
        count: Number of capsules; those of a class that is not in `classes` are left out.
        seed: Seed of all that is random, at least 0.
        classes: Class names, `good` first; their indices become labels.
        roi: The window of the network, without the margin.

    Returns:
        A crop of each capsule, in random order.
    """
    crops = []
    for index, label in enumerate(draw_labels(count, seed)):
        if label in classes:
            drawn = draw_capsule(label, (_DRAWN_FOR_TRAINING, seed, index))
            crops += _crop(drawn.picture, drawn.mask, classes.index(label), roi)
    return crops


def _crop(
    picture: Picture, mask: NDArray[np.uint8] | None, label: int, roi: Roi
) -> list[TrainingCrop]:
    windows = [_widen(window) for window in find_crops(picture, roi)]
    if len(windows) == 1:
        (window,) = windows
        return [
            TrainingCrop(window.take(picture), None if mask is None else window.take(mask), label)
        ]
    if mask is None or (label and not mask.any()):
        return []  # nobody knows which of the capsules is the defective one
    cuts = [(window.take(picture), window.take(mask)) for window in windows]
    return [TrainingCrop(image, part, label if part.any() else 0) for image, part in cuts]


def _widen(crop: Crop) -> Crop:
    """Adds the margin to a window, at the same scale."""
    shift = np.array([[0, 0, MARGIN], [0, 0, MARGIN]])
    roi = replace(crop.roi, width=crop.roi.width + 2 * MARGIN, height=crop.roi.height + 2 * MARGIN)
    return replace(crop, roi=roi, matrix=crop.matrix + shift)


def soft_targets(
    mask: NDArray[np.uint8], label: int, class_count: int, stride: int = 2
) -> NDArray[np.float32]:
    """Shrinks a mask, and returns it as shares of the classes.

    Args:
        mask: uint8 [h, w], 255 on defect.
        label: Class of the defect.
        class_count: Number of classes, good (background) first.
        stride: Mask pixels along the side of a result pixel.

    Returns:
        float32 [h / stride, w / stride, classes]: the share of each class in each pixel.
    """
    size = (mask.shape[1] // stride, mask.shape[0] // stride)
    share = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    shares = np.zeros((*share.shape, class_count), np.float32)
    shares[..., label] = share
    shares[..., 0] = 1 - share
    return shares
