import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.imaging.defect_mask import describe_values, is_defect

SOFT = "The mask has soft edges or was compressed"
NUMBERS = "The mask holds several values; all but 0"


@pytest.mark.parametrize(
    ("values", "defect", "said"),
    [
        ([0, 0], [], ""),
        ([0, 255], [1], ""),
        ([0, 1], [1], ""),
        ([0, 7], [1], ""),
        ([0, 1, 2, 31], [1, 2, 3], NUMBERS),
        ([0, 127, 128, 255], [2, 3], SOFT),
        ([3, 0, 252, 12], [2], SOFT),
        ([0, 20, 50, 100], [2, 3], SOFT),
    ],
)
def test_half_of_the_range_is_defect_or_every_number_but_0(values, defect, said):
    mask = np.array([values], np.uint8)
    assert np.flatnonzero(is_defect(mask)).tolist() == defect
    assert describe_values(mask).startswith(said)
    assert bool(describe_values(mask)) == bool(said)


@given(st.integers(20, 60), st.integers(50, 95))
def test_smoothing_and_compression_leave_the_area_of_a_defect(radius, quality):
    mask = np.zeros((200, 200), np.uint8)
    cv2.circle(mask, (100, 100), radius, 255, -1)
    true = np.count_nonzero(mask)
    smoothed = cv2.GaussianBlur(mask, (0, 0), 1.5)
    data = cv2.imencode(".jpg", mask, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    for changed in (smoothed, cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)):
        assert np.count_nonzero(is_defect(changed)) == pytest.approx(true, rel=0.03)
