import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from capsule_inspect.dataset.data_set import DataSet, read_dataset
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.errors import DataError, PictureError
from capsule_inspect.imaging.crop import find_crops
from capsule_inspect.imaging.read import read_mask, read_picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.training.crops import MARGIN, draw_crops, read_crops, soft_targets

ROI = Roi("capsule", 240, 96, 214)
CLASSES = ("good", *DEFECTS)


def off_by(one: np.ndarray, other: np.ndarray) -> int:
    """The largest difference: OpenCV rounds positions to 1/32 pixel from the window's corner."""
    return int(np.abs(one.astype(int) - other).max())


def test_every_picture_of_one_capsule_gives_one_crop_of_its_class(dataset_folder):
    data = read_dataset(dataset_folder)
    crops = read_crops(data, data.samples, ROI)
    assert [data.classes[crop.label] for crop in crops] == [s.label for s in data.samples]
    for crop, sample in zip(crops, data.samples, strict=True):
        assert crop.image.shape == (96 + 2 * MARGIN, 240 + 2 * MARGIN, 3)
        assert crop.mask.shape == crop.image.shape[:2]
        assert (crop.image.dtype, crop.mask.dtype) == (np.uint8, np.uint8)
        assert crop.mask.any() == (sample.label != "good")
        if sample.mask:
            assert crop.mask.max() == 255


def test_inside_its_margin_a_crop_is_what_the_network_sees(dataset_folder):
    data = read_dataset(dataset_folder)
    sample = next(s for s in data.samples if s.label == "poke")
    (crop,) = read_crops(data, [sample], ROI)
    picture = read_picture(data.root / sample.path)
    (window,) = find_crops(picture, ROI)
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert off_by(crop.image[inner], window.take(picture)) <= 1
    mask = np.where(read_mask(data.root / sample.mask) > 0, 255, 0).astype(np.uint8)
    assert off_by(crop.mask[inner], window.take(mask)) <= 4


def test_sound_capsules_beside_a_defective_one_count_as_good(tmp_path, save_picture):
    good, poke = draw_capsule("good", (3, 1), 300), draw_capsule("poke", (3, 1), 300)
    save_picture(tmp_path / "a.png", np.vstack([good.picture, poke.picture]))
    save_picture(tmp_path / "m.png", np.vstack([good.mask, poke.mask]))
    sample = Sample("a.png", "poke", "m.png", "train", None, "", 300, 600)
    data = DataSet(tmp_path, CLASSES, (sample,), 0, "", "", "")
    crops = read_crops(data, data.samples, ROI)
    assert [CLASSES[crop.label] for crop in crops] == ["good", "poke"]
    assert [bool(crop.mask.any()) for crop in crops] == [False, True]


@pytest.mark.parametrize(
    ("label", "mask", "crops"), [("good", "", 2), ("poke", "", 0), ("poke", "empty.png", 0)]
)
def test_which_of_several_capsules_is_defective_is_not_guessed(
    tmp_path, save_picture, label, mask, crops
):
    tile = draw_capsule("good", (3, 1), 300)
    save_picture(tmp_path / "a.png", np.vstack([tile.picture] * 2))
    save_picture(tmp_path / "empty.png", np.vstack([tile.mask] * 2))
    sample = Sample("a.png", label, mask, "train", None, "", 300, 600)
    data = DataSet(tmp_path, CLASSES, (sample,), 0, "", "", "")
    found = read_crops(data, data.samples, ROI)
    assert [CLASSES[crop.label] for crop in found] == [label] * crops


def test_the_only_capsule_is_the_defective_one_though_nobody_knows_where(tmp_path, save_picture):
    save_picture(tmp_path / "a.png", draw_capsule("poke", (3, 1), 300).picture)
    sample = Sample("a.png", "poke", "", "train", None, "", 300, 300)
    data = DataSet(tmp_path, CLASSES, (sample,), 0, "", "", "")
    (crop,) = read_crops(data, data.samples, ROI)
    assert (CLASSES[crop.label], crop.mask) == ("poke", None)


def test_training_refuses_a_mask_of_another_picture(tmp_path, save_picture):
    save_picture(tmp_path / "a.png", draw_capsule("crack", 1, 300).picture)
    save_picture(tmp_path / "m.png", draw_capsule("crack", 1, 310).mask)
    sample = Sample("a.png", "crack", "m.png", "train", None, "", 300, 300)
    data = DataSet(tmp_path, CLASSES, (sample,), 0, "", "", "")
    with pytest.raises(DataError, match=r"not of the size"):
        read_crops(data, data.samples, ROI)


def test_training_draws_other_capsules_than_prepare_does_of_the_same_seed():
    (crop,) = draw_crops(1, 0, CLASSES, ROI)
    picture = draw_capsule(CLASSES[crop.label], (0, 0)).picture
    (window,) = find_crops(picture, ROI)
    assert off_by(crop.image[MARGIN:-MARGIN, MARGIN:-MARGIN], window.take(picture)) > 40


def test_a_picture_without_a_capsule_gives_no_crop(tmp_path, save_picture):
    save_picture(tmp_path / "a.png", np.full((200, 200, 3), 235, np.uint8))
    sample = Sample("a.png", "good", "", "train", None, "", 200, 200)
    data = DataSet(tmp_path, CLASSES, (sample,), 0, "", "", "")
    assert read_crops(data, data.samples, ROI) == []
    assert len(read_crops(data, data.samples, Roi("whole", 96, 96, 80))) == 1


def test_a_missing_picture_is_refused(dataset_folder):
    data = read_dataset(dataset_folder)
    gone = Sample("gone.png", "good", "", "train", None, "", 1, 1)
    with pytest.raises(PictureError, match=r"gone\.png' does not exist"):
        read_crops(data, [gone], ROI)


def test_drawn_crops_are_of_the_classes_asked_for_and_seeded():
    classes = ("good", "poke", "scratch")
    crops = draw_crops(10, 5, classes, ROI)
    # Of 10: 5 good and one of each of 5 defects, of which two are asked for.
    assert sorted(crop.label for crop in crops) == [0] * 5 + [1, 2]
    assert all(crop.mask.any() == (crop.label > 0) for crop in crops)
    ((one,), (again,), (other,)) = (draw_crops(1, seed, classes, ROI) for seed in (5, 5, 6))
    assert np.array_equal(one.image, again.image)
    assert not np.array_equal(one.image, other.image)


def test_none_are_drawn_where_none_are_wanted():
    assert draw_crops(0, 0, CLASSES, ROI) == []


@settings(deadline=None)
@given(
    mask=st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
        lambda half: arrays.arrays(np.uint8, (2 * half[0], 2 * half[1]))
    ),
    label=st.integers(1, 3),
)
def test_mask_shares_are_means_over_areas(mask, label):
    shares = soft_targets(mask, label, 4)
    height, width = mask.shape[0] // 2, mask.shape[1] // 2
    assert shares.shape == (height, width, 4)
    for y in range(height):
        for x in range(width):
            mean = mask[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].astype(float).mean() / 255
            assert shares[y, x, label] == pytest.approx(mean, abs=0.6 / 255)
            assert shares[y, x].sum() == pytest.approx(1)
            assert (shares[y, x] >= 0).all()


def test_a_good_crop_is_background_all_over():
    shares = soft_targets(np.zeros((4, 6), np.uint8), 0, 3)
    assert (shares[..., 0] == 1).all()
    assert (shares[..., 1:] == 0).all()
