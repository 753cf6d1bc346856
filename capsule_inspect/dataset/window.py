"""The window of whole pictures, in the shape of the pictures of a data set."""

import math
from collections.abc import Iterable
from dataclasses import replace
from statistics import median

from capsule_inspect.choices import FIXED_SHAPE, PICTURES_SHAPE
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.groups import COARSEST_STRIDE, Settings

_MOST_OBLONG = 8.0
"""The long side of a window is at most this many times the short one: at the area of 256 x 256, the
short side then has three pixels of the coarsest features."""


def settle_window(settings: Settings, data: DataSet) -> Settings:
    """Gives the window the shape of the pictures, if the settings ask for that.

    The shape is the median of the pictures that a run trains on. The runs of a cross-validation
    share one window, so there it is the median of all pictures.

    Args:
        settings: All settings.
        data: The data set; only the sizes in its manifest are read.

    Returns:
        The settings with `model.roi_shape=fixed`, and the window in `model.roi`.
    """
    model = settings.model
    if model.roi_shape != PICTURES_SHAPE:
        return settings
    pictures = data.samples if settings.train.folds else data.of_split("train")
    roi = reshape(model.roi, median_aspect(pictures or data.samples))
    return replace(settings, model=replace(model, roi=roi, roi_shape=FIXED_SHAPE))


def median_aspect(samples: Iterable[Sample]) -> float:
    """Returns the median of width / height, on a logarithmic scale.

    Of all windows of an area, that shape wastes least of it: the geometric mean of the shares that
    the pictures fill is highest. On the scale, two to one and one to two lie evenly about a square.

    Args:
        samples: At least one picture.
    """
    return math.exp(median(math.log(sample.width / sample.height) for sample in samples))


def reshape(roi: Roi, aspect: float) -> Roi:
    """Returns a window of the same area and another shape.

    Args:
        roi: The window.
        aspect: The width / height to have. Beyond 8 and 1/8 it is taken as these.

    Returns:
        The window; its sides are rounded to multiples of 32 pixels.
    """
    oblong = math.sqrt(min(max(aspect, 1 / _MOST_OBLONG), _MOST_OBLONG))
    side = math.sqrt(roi.width * roi.height)
    return replace(roi, width=_rounded(side * oblong), height=_rounded(side / oblong))


def _rounded(side: float) -> int:
    return max(1, round(side / COARSEST_STRIDE)) * COARSEST_STRIDE
