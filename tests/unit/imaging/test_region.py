import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from capsule_inspect.imaging.region import Region


@given(st.integers(1, 20), st.integers(1, 20), st.randoms(), st.sampled_from([0, 0.05, 0.5, 1]))
def test_a_region_gives_its_mask_back(height, width, random, share):
    mask = np.array([random.random() < share for _ in range(height * width)]).reshape(height, width)
    region = Region.of(mask)
    np.testing.assert_array_equal(region.mask(), mask)
    assert region.area == mask.sum()


def test_a_small_region_of_a_large_picture_takes_little_memory():
    mask = np.zeros((3000, 4000), bool)
    mask[1000:1010, 2000:2030] = True
    region = Region.of(mask)
    assert region.inside.base is None
    assert region.inside.nbytes == 300


def test_a_mask_need_not_be_contiguous():
    mask = np.zeros((30, 40), bool)
    mask[3, 8] = True
    assert Region.of(mask.T).mask()[8, 3]
    assert Region.of(mask[:, ::2]).mask()[3, 4]
