from dataclasses import replace

import numpy as np
import pytest
from still import STILL

from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.groups import AugmentSettings
from capsule_inspect.training.augment import Augmenter, transplant
from capsule_inspect.training.crops import MARGIN, TrainingCrop

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


HEIGHT, WIDTH = 120, 200
RED, BLUE = (200, 30, 30), (20, 40, 220)


def plain(colour, label: int, box=None) -> TrainingCrop:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    if box:
        mask[box] = 255
    return TrainingCrop(np.full((HEIGHT, WIDTH, 3), colour, np.uint8), mask, label)


def make(seed: int):
    donor = plain(RED, 3, np.s_[50:70, 90:110])
    host = plain(BLUE, 0)
    return donor, host, transplant(donor, donor.mask, host, np.random.default_rng(seed))


def corner(mask: np.ndarray) -> tuple[int, int]:
    y, x = np.nonzero(mask)
    return int(y.min()), int(x.min())


@pytest.mark.parametrize("seed", range(8))
def test_the_defect_arrives_whole_with_its_mask_and_label(seed):
    _, _, made = make(seed)
    assert made.label == 3
    assert set(np.unique(made.mask)) == {0, 255}
    assert (made.mask > 0).sum() == 400  # moved by whole pixels, not deformed
    y, x = corner(made.mask)
    assert abs(y - 50) <= 8
    assert abs(x - 90) <= 24
    assert (made.mask[y : y + 20, x : x + 20] == 255).all()
    assert (made.image[made.mask > 0] == RED).all()


@pytest.mark.parametrize("seed", range(8))
def test_far_from_the_defect_the_host_is_untouched(seed):
    _, host, made = make(seed)
    y, x = corner(made.mask)
    far = np.ones((HEIGHT, WIDTH), np.bool_)
    far[max(0, y - 16) : y + 36, max(0, x - 16) : x + 36] = False
    assert np.array_equal(made.image[far], host.image[far])


def test_the_seam_runs_softly_from_donor_to_host():
    _, _, made = make(1)
    y, x = corner(made.mask)
    across = made.image[y + 10, x - 20 : x, 0].astype(int)  # red, from the host to the defect
    assert across[0] == BLUE[0]
    assert across[-1] > 180
    assert (np.diff(across) >= 0).all()
    assert np.diff(across).max() < 60


def test_neither_capsule_is_changed():
    donor, host = plain(RED, 3, np.s_[50:70, 90:110]), plain(BLUE, 0)
    before = [part.copy() for part in (donor.image, donor.mask, host.image, host.mask)]
    transplant(donor, donor.mask, host, np.random.default_rng(0))
    after = (donor.image, donor.mask, host.image, host.mask)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert host.label == 0


def test_the_generator_decides_the_place():
    places = {corner(make(seed)[2].mask) for seed in range(40)}
    assert len(places) > 30
    assert corner(make(7)[2].mask) == corner(make(7)[2].mask)
    rows, columns = zip(*places, strict=True)
    assert min(columns) < 80
    assert max(columns) > 100
    assert min(rows) < 47
    assert max(rows) > 53
