"""Survey a data set: sizes, colours, and the places of its defects."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.imaging.appearance import Appearance, measure_appearance
from capsule_inspect.imaging.crop import Crop, find_crops
from capsule_inspect.imaging.find_capsules import find_capsules, shows_another_product
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.groups import ModelSettings

_FEW = 20
"""Number of pictures that decide if a data set shows capsules."""


@dataclass(frozen=True)
class SurveyedPicture:
    """The measurements of one picture.

    Attributes:
        sample: The picture.
        has_capsule: Whether a capsule was found on it.
        looks: The appearance of each window: of each capsule, or of the whole picture.
        widths: Width of each capsule across its long axis, in pixels.
    """

    sample: Sample
    has_capsule: bool
    looks: tuple[Appearance, ...]
    widths: tuple[float, ...]


@dataclass(frozen=True)
class Survey:
    """The measurements of a data set.

    Attributes:
        roi: The window that they were taken in.
        pictures: The measurements of each sample.
        heat: For each class with masks: float32 [roi.height, roi.width] in [0, 1], the share of its
            pictures that have a defect at each pixel of the window.
    """

    roi: Roi
    pictures: tuple[SurveyedPicture, ...]
    heat: dict[str, NDArray[np.float32]]

    @property
    def without_capsule(self) -> tuple[str, ...]:
        """Paths of the pictures on which no capsule was found."""
        return tuple(each.sample.path for each in self.pictures if not each.has_capsule)


def survey(data: DataSet, roi: Roi, advance: Callable[[], None] = lambda: None) -> Survey:
    """Measures every picture and mask of a data set.

    Args:
        data: The data set.
        roi: The window to measure in.
        advance: Called after each picture.

    Raises:
        PictureError: A picture or mask cannot be read.
        DataError: A mask is not of its picture's size.
    """
    pictures: list[SurveyedPicture] = []
    sums: dict[str, NDArray[np.float32]] = {}
    counts: dict[str, int] = {}
    for sample in data.samples:
        picture, mask = data.read(sample)
        crops = find_crops(picture, roi)
        has_capsule = bool(crops if roi.mode == "capsule" else find_capsules(picture))
        looks = tuple(measure_appearance(picture, crop, crop.take(picture)) for crop in crops)
        widths = tuple(crop.box.width for crop in crops)
        pictures.append(SurveyedPicture(sample, has_capsule, looks, widths))
        if sample.mask and mask is not None and crops:
            shown = _in_window(mask, crops)
            sums[sample.label] = sums.get(sample.label, np.zeros_like(shown)) + shown
            counts[sample.label] = counts.get(sample.label, 0) + 1
        advance()
    heat = {
        name: np.asarray(sums[name] / counts[name], np.float32)
        for name in data.classes
        if name in sums
    }
    return Survey(roi, tuple(pictures), heat)


def choose_roi(data: DataSet) -> Roi:
    """Chooses the window of a survey: whole pictures if most of them show no capsule."""
    looked_at = data.samples[:: max(1, len(data.samples) // _FEW)]
    missing = sum(not find_capsules(data.read_picture(each)) for each in looked_at)
    roi = ModelSettings().roi
    if not shows_another_product(missing, len(looked_at)):
        return roi
    return replace(roi, mode="whole", width=240, height=240)


def _in_window(mask: NDArray[np.bool_], crops: Iterable[Crop]) -> NDArray[np.float32]:
    """Cuts the windows out of a mask; of several, takes the maximum at each pixel."""
    levels = mask.view(np.uint8) * np.uint8(255)
    windows = [crop.take(levels).astype(np.float32) / 255 for crop in crops]
    return np.asarray(np.max(windows, axis=0), np.float32)
