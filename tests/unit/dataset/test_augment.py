from dataclasses import replace

import numpy as np
import pytest
from still import STILL

from capsule_inspect.dataset.augment import Augmenter
from capsule_inspect.dataset.crops import MARGIN, TrainingCrop
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.augment_settings import AugmentSettings

ROI = Roi("capsule", 120, 64, 100)
INNER = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]


@pytest.fixture(scope="module")
def crop() -> TrainingCrop:
    shape = (ROI.height + 2 * MARGIN, ROI.width + 2 * MARGIN)
    image = np.random.default_rng(0).integers(60, 190, (*shape, 3)).astype(np.uint8)
    mask = np.zeros(shape, np.uint8)
    mask[54:70, 70:110] = 255
    return TrainingCrop(image, mask, 2)


def centre(mask: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(mask >= 128)
    return np.array([x.mean(), y.mean()])


def off_by(one: np.ndarray, other: np.ndarray) -> int:
    """The largest difference: each change of the light rounds to whole grey levels."""
    return int(np.abs(one.astype(int) - other).max())


def test_without_any_range_the_window_is_cut_as_it_is(crop):
    image, mask = Augmenter(STILL, ROI)(crop, 1)
    assert off_by(image, crop.image[INNER]) <= 1
    assert np.array_equal(mask, crop.mask[INNER])


def test_shapes_and_types(crop):
    image, mask = Augmenter(AugmentSettings(), ROI)(crop, 5)
    assert image.shape == (64, 120, 3)
    assert mask.shape == (64, 120)
    assert (image.dtype, mask.dtype) == (np.uint8, np.uint8)


def test_a_seed_decides_everything(crop):
    augment, other = Augmenter(AugmentSettings(), ROI), Augmenter(AugmentSettings(), ROI)
    first = augment(crop, 5)
    augment(crop, 6)  # what came before does not matter
    for again in (augment(crop, 5), other(crop, 5)):
        assert np.array_equal(first[0], again[0])
        assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], augment(crop, 6)[0])


def test_the_crop_is_left_as_it_is(crop):
    before = crop.image.copy(), crop.mask.copy()
    Augmenter(AugmentSettings(), ROI)(crop, 3)
    assert np.array_equal(before[0], crop.image)
    assert np.array_equal(before[1], crop.mask)


def test_light_leaves_the_mask_alone(crop):
    moved = AugmentSettings()
    lit = replace(STILL, gamma=moved.gamma, contrast=0.5, brightness=0.3, cast=0.3, blur=1, noise=1)
    augment = Augmenter(lit, ROI)
    for seed in range(5):
        image, mask = augment(crop, seed)
        assert np.array_equal(mask, crop.mask[INNER])
        assert off_by(image, crop.image[INNER]) > 1


def test_a_mirror_image_is_across_the_long_axis(crop):
    image, mask = Augmenter(replace(STILL, flip=1.0), ROI)(crop, 0)
    assert off_by(image, crop.image[INNER][::-1]) <= 1
    assert np.array_equal(mask, crop.mask[INNER][::-1])


def test_image_and_mask_move_together(crop):
    painted = replace(crop, image=np.repeat(crop.mask[..., None], 3, axis=2))
    settings = replace(STILL, rotate=8, scale=0.2, shift_x=12, shift_y=7, flip=0.5)
    augment = Augmenter(settings, ROI)
    places = []
    for seed in range(12):
        image, mask = augment(painted, seed)
        assert np.abs(image[..., 0].astype(int) - mask).max() <= 2
        places.append(tuple(centre(mask)))
    assert len(set(places)) == 12


def test_shifts_keep_to_their_range_and_use_it(crop):
    augment = Augmenter(replace(STILL, shift_x=12, shift_y=6), ROI)
    start = centre(crop.mask[INNER])
    moves = np.array([centre(augment(crop, seed)[1]) - start for seed in range(60)])
    assert np.abs(moves[:, 0]).max() <= 12.5
    assert np.abs(moves[:, 1]).max() <= 6.5
    assert moves[:, 0].min() < -8
    assert moves[:, 0].max() > 8
    assert moves[:, 1].min() < -4
    assert moves[:, 1].max() > 4


def test_scales_keep_to_their_range_and_use_it(crop):
    augment = Augmenter(replace(STILL, scale=0.2), ROI)
    areas = np.array([(augment(crop, seed)[1] >= 128).sum() for seed in range(60)])
    sides = np.sqrt(areas / (crop.mask > 0).sum())
    assert sides.min() > 0.75
    assert sides.max() < 1.25
    assert sides.min() < 0.9
    assert sides.max() > 1.1


def test_light_varies_to_both_sides(crop):
    grey = replace(crop, image=np.full_like(crop.image, 128))
    for name, value in (("gamma", 1.25), ("brightness", 0.08), ("cast", 0.05)):
        augment = Augmenter(replace(STILL, **{name: value}), ROI)
        levels = np.array([augment(grey, seed)[0].mean() for seed in range(40)])
        assert levels.min() < 126, name
        assert levels.max() > 130, name
        assert np.abs(levels - 128).max() < 30, name
