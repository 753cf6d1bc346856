"""The true mask of a sample."""

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.classes import GOOD
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.errors import DataError
from capsule_inspect.imaging.read_mask import read_mask


def true_mask(data: DataSet, sample: Sample, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Reads which pixels of a sample are defect.

    Args:
        data: The data set the sample is of.
        sample: A picture of it.
        shape: Height and width of the decoded picture.

    Returns:
        Of that shape: empty for a good picture; None for a defect whose place is not known.

    Raises:
        PictureError: The mask cannot be read.
        DataError: It is not of the picture's size, so it belongs to another picture.
    """
    if not sample.mask:
        return np.zeros(shape, np.bool_) if sample.label == GOOD else None
    mask = read_mask(data.root / sample.mask)
    if mask.shape != shape:
        raise DataError(
            f"The mask '{sample.mask}' is not of the size of its picture '{sample.path}': "
            f"{mask.shape} against {shape}. Prepare the data again, or check --data-root."
        )
    return mask > 0
