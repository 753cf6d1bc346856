from pathlib import Path

import numpy as np
import pytest

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.dataset.true_mask import true_mask
from capsule_inspect.errors import DataError, PictureError


def sample(label: str, mask: str = "") -> Sample:
    return Sample("a.png", label, mask, "test", None, "", 8, 4)


@pytest.fixture
def data(tmp_path: Path, save_picture) -> DataSet:
    mask = np.zeros((4, 8), np.uint8)
    mask[1, 2:5] = 1, 7, 255
    save_picture(tmp_path / "mask.png", mask)
    return DataSet(tmp_path, ("good", "crack"), (), 0, "", "", "1")


def test_a_pixel_of_any_value_but_0_is_defect(data):
    truth = true_mask(data, sample("crack", "mask.png"), (4, 8))
    assert truth.dtype == np.bool_
    assert [tuple(place) for place in np.argwhere(truth)] == [(1, 2), (1, 3), (1, 4)]


def test_a_good_picture_has_no_defect_pixel(data):
    truth = true_mask(data, sample("good"), (4, 8))
    assert truth.shape == (4, 8)
    assert not truth.any()


def test_of_an_unmasked_defect_nothing_is_known(data):
    assert true_mask(data, sample("crack"), (4, 8)) is None


def test_a_mask_of_another_picture_is_refused(data):
    with pytest.raises(DataError, match=r"mask 'mask.png' is not of the size"):
        true_mask(data, sample("crack", "mask.png"), (5, 8))


def test_a_missing_mask_is_named(data):
    with pytest.raises(PictureError, match=r"nowhere.png"):
        true_mask(data, sample("crack", "nowhere.png"), (4, 8))
