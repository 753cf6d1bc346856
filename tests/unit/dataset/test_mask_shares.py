import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from capsule_inspect.dataset.mask_shares import mask_shares


@settings(deadline=None)
@given(
    mask=st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
        lambda half: arrays.arrays(np.uint8, (2 * half[0], 2 * half[1]))
    ),
    label=st.integers(1, 3),
)
def test_mask_shares_are_means_over_areas(mask, label):
    shares = mask_shares(mask, label, 4)
    height, width = mask.shape[0] // 2, mask.shape[1] // 2
    assert shares.shape == (height, width, 4)
    for y in range(height):
        for x in range(width):
            mean = mask[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].astype(float).mean() / 255
            assert shares[y, x, label] == pytest.approx(mean, abs=0.6 / 255)
            assert shares[y, x].sum() == pytest.approx(1)
            assert (shares[y, x] >= 0).all()


def test_a_good_crop_is_background_all_over():
    shares = mask_shares(np.zeros((4, 6), np.uint8), 0, 3)
    assert (shares[..., 0] == 1).all()
    assert (shares[..., 1:] == 0).all()
