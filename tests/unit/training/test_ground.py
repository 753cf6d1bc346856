from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from still import STILL

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.imaging.crop import Crop, find_crops
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.training.augment import Augmenter
from capsule_inspect.training.ground import change_ground
from capsule_inspect.training.sources import Source

ROI = Roi("capsule", 480, 192, 428)


@pytest.fixture(scope="module")
def shown() -> tuple[Picture, Crop]:
    picture = draw_capsule("good", 5).picture
    (crop,) = find_crops(picture, ROI)
    return picture, crop


@pytest.fixture(scope="module")
def inside(shown) -> np.ndarray:
    """Pixels that are far from the colour of the picture's corners, its holes filled."""
    picture, _ = shown
    far = np.abs(picture.astype(int) - np.median(picture[:40, :40], axis=(0, 1))).max(axis=2) > 60
    labels, _ = ndimage.label(ndimage.binary_fill_holes(far))
    return labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])


def test_the_capsule_stays_and_the_ground_becomes_even(shown, inside):
    picture, crop = shown
    for seed in range(8):
        changed = change_ground(picture, crop, np.random.default_rng(seed))
        assert (changed.shape, changed.dtype) == (picture.shape, np.uint8)
        assert np.array_equal(changed[inside], picture[inside])
        # 12 window pixels of rim and 3 of seam; two small pixels of 4 for the found outline.
        away = ndimage.distance_transform_edt(~inside) > 15 / crop.scales[0] + 12
        assert not np.array_equal(changed[away], picture[away])
        means = [
            changed[:, side][away[:, side]].mean(axis=0) for side in (np.s_[:400], np.s_[600:])
        ]
        assert np.abs(means[0] - means[1]).max() < 0.2
        assert changed[away].std(axis=0).max() <= 3.1


def test_the_new_ground_is_of_another_shade(shown):
    picture, crop = shown
    corners = [
        change_ground(picture, crop, np.random.default_rng(seed))[:40, :40].mean()
        / np.median(picture[:40, :40])
        for seed in range(40)
    ]
    assert 0.73 < min(corners) < 0.87
    assert 1.03 < max(corners) < 1.17


def test_a_picture_in_which_the_capsule_is_not_found_stays(shown):
    _, crop = shown
    empty = np.full((1000, 1000, 3), 200, np.uint8)
    assert change_ground(empty, crop, np.random.default_rng(0)) is empty


def test_the_probability_says_how_often(shown):
    picture, crop = shown
    source = Source(picture, None, crop, 0)
    plain, _ = Augmenter(STILL, ROI)(source, np.random.default_rng(0))
    augment = Augmenter(replace(STILL, ground=0.4), ROI)
    views = [augment(source, np.random.default_rng(seed))[0] for seed in range(60)]
    changed = sum(not np.array_equal(view, plain) for view in views)
    assert 0.2 < changed / len(views) < 0.6
