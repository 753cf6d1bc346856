"""Masks as a network learns them."""

import cv2
import numpy as np
from numpy.typing import NDArray


def mask_shares(
    mask: NDArray[np.uint8], label: int, class_count: int, stride: int = 2
) -> NDArray[np.float32]:
    """Shrinks a mask and spreads it over the classes.

    Args:
        mask: uint8 [h, w], 255 on defect.
        label: Class of the defect.
        class_count: Number of classes, good (background) first.
        stride: Mask pixels to a side of a pixel of the result.

    Returns:
        float32 [h / stride, w / stride, classes]: the share of each pixel that is of each class.
    """
    size = (mask.shape[1] // stride, mask.shape[0] // stride)
    share = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    shares = np.zeros((*share.shape, class_count), np.float32)
    shares[..., label] = share
    shares[..., 0] = 1 - share
    return shares
