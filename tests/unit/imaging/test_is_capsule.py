import cv2
import numpy as np
import pytest

from capsule_inspect.imaging.component import find_components
from capsule_inspect.imaging.is_capsule import is_capsule


def stadium(length: float, width: float, contrast: float = 100) -> np.ndarray:
    """Distances to the ground of a capsule in the middle, in grey levels."""
    x, y = np.meshgrid(np.arange(250) + 0.5 - 125, np.arange(200) + 0.5 - 100)
    inside = np.hypot(np.maximum(np.abs(x) - (length - width) / 2, 0), y) <= width / 2
    return np.where(inside, contrast, 0).astype(np.float32)


def judge(distance: np.ndarray) -> bool:
    (component,) = find_components(distance)
    return is_capsule(component, distance)


@pytest.mark.parametrize(
    ("aspect", "expected"), [(1.4, False), (1.6, True), (4.8, True), (5.3, False)]
)
def test_length_over_width_decides(aspect, expected):
    assert judge(stadium(40 * aspect, 40)) == expected


@pytest.mark.parametrize(("contrast", "expected"), [(17, False), (19, True)])
def test_contrast_decides(contrast, expected):
    assert judge(stadium(160, 60, contrast)) == expected


def test_an_outline_that_fades_is_none():
    soft = cv2.GaussianBlur(stadium(160, 60), (0, 0), 20)
    assert not judge(soft)
    assert judge(cv2.GaussianBlur(stadium(160, 60), (0, 0), 1.5))


def test_a_bow_is_no_capsule():
    bow = stadium(160, 60)
    bow[:100, 85:165] = 0  # its overlap with a stadium is about two thirds
    assert not judge(bow)
