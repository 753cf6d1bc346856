from dataclasses import replace

import numpy as np
import pytest
from still import STILL

from capsule_inspect.imaging.crop import Crop
from capsule_inspect.imaging.find_capsules import CapsuleBox
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.groups import AugmentSettings
from capsule_inspect.training.augment import Augmenter, reach, transplant
from capsule_inspect.training.sources import Source

ROI = Roi("capsule", 120, 64, 100)
AROUND = 40
INNER = np.s_[AROUND:-AROUND, AROUND:-AROUND]


def crop_at(matrix, roi: Roi = ROI) -> Crop:
    return Crop(CapsuleBox(0, 0, 100, 50, 0, 5000), roi, np.array(matrix, np.float64))


def source_of(picture, mask, label: int = 2, around: int = AROUND) -> Source:
    """A capsule whose window lies so many native pixels from the borders of its picture."""
    return Source(picture, mask, crop_at([[1, 0, -around], [0, 1, -around]]), label)


@pytest.fixture(scope="module")
def source() -> Source:
    shape = (ROI.height + 2 * AROUND, ROI.width + 2 * AROUND)
    picture = np.random.default_rng(0).integers(60, 190, (*shape, 3)).astype(np.uint8)
    mask = np.zeros(shape, np.uint8)
    mask[66:82, 88:128] = 255
    return source_of(picture, mask)


def seeded(settings: AugmentSettings, source: Source, seed: int = 0):
    return Augmenter(settings, ROI)(source, np.random.default_rng(seed))


def views(settings: AugmentSettings, source: Source, count: int):
    augment = Augmenter(settings, ROI)
    return [augment(source, np.random.default_rng(seed)) for seed in range(count)]


def centre(mask: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(mask >= 128)
    return np.array([x.mean(), y.mean()])


def off_by(one: np.ndarray, other: np.ndarray) -> int:
    """The largest difference: each change of the light rounds to whole grey levels."""
    return int(np.abs(one.astype(int) - other).max())


def test_without_any_range_the_window_is_cut_as_it_is(source):
    image, mask = seeded(STILL, source)
    assert off_by(image, source.picture[INNER]) <= 1
    assert np.array_equal(mask, source.mask[INNER])


def test_shapes_and_types(source):
    image, mask = seeded(AugmentSettings(), source)
    assert image.shape == (64, 120, 3)
    assert mask.shape == (64, 120)
    assert (image.dtype, mask.dtype) == (np.uint8, np.uint8)
    assert seeded(AugmentSettings(), replace(source, mask=None))[1] is None


def test_the_generator_decides_everything(source):
    settings = replace(AugmentSettings(), blur=1, noise=1, compress=1)
    augment = Augmenter(settings, ROI)
    first = augment(source, np.random.default_rng(5))
    other = augment(source, np.random.default_rng(6))  # what came before does not matter
    for again in (augment(source, np.random.default_rng(5)), seeded(settings, source, 5)):
        assert np.array_equal(first[0], again[0])
        assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_a_capsule_without_a_mask_is_changed_like_one_with_it(source):
    masked, unmasked = (
        seeded(AugmentSettings(), each, 3)[0] for each in (source, replace(source, mask=None))
    )
    assert np.array_equal(masked, unmasked)


def test_the_source_is_left_as_it_is(source):
    before = source.picture.copy(), source.mask.copy(), source.crop.matrix.copy()
    views(replace(AugmentSettings(), noise=1, compress=1), source, 3)
    assert np.array_equal(before[0], source.picture)
    assert np.array_equal(before[1], source.mask)
    assert np.array_equal(before[2], source.crop.matrix)


def test_light_and_camera_leave_the_mask_alone(source):
    moved = AugmentSettings()
    lit = replace(STILL, gamma=moved.gamma, contrast=0.5, brightness=0.3, cast=0.3)
    lit = replace(lit, blur=1, noise=1, compress=1)
    for image, mask in views(lit, source, 5):
        assert np.array_equal(mask, source.mask[INNER])
        assert off_by(image, source.picture[INNER]) > 1


def test_a_mirror_image_is_across_the_long_axis(source):
    image, mask = seeded(replace(STILL, flip=1.0), source)
    assert off_by(image, source.picture[INNER][::-1]) <= 1
    assert np.array_equal(mask, source.mask[INNER][::-1])


def test_image_and_mask_move_together(source):
    painted = replace(source, picture=np.repeat(source.mask[..., None], 3, axis=2))
    settings = replace(STILL, rotate=8, scale=0.2, shift_x=12, shift_y=7, flip=0.5)
    places = []
    for image, mask in views(settings, painted, 12):
        assert np.abs(image[..., 0].astype(int) - mask).max() <= 2
        places.append(tuple(centre(mask)))
    assert len(set(places)) == 12


def test_shifts_keep_to_their_range_and_use_it(source):
    start = centre(source.mask[INNER])
    found = views(replace(STILL, shift_x=12, shift_y=6), source, 60)
    moves = np.array([centre(mask) - start for _, mask in found])
    assert np.abs(moves[:, 0]).max() <= 12.5
    assert np.abs(moves[:, 1]).max() <= 6.5
    assert moves[:, 0].min() < -8
    assert moves[:, 0].max() > 8
    assert moves[:, 1].min() < -4
    assert moves[:, 1].max() > 4


def test_scales_keep_to_their_range_and_use_it(source):
    found = views(replace(STILL, scale=0.2), source, 60)
    areas = np.array([(mask >= 128).sum() for _, mask in found])
    sides = np.sqrt(areas / (source.mask > 0).sum())
    assert sides.min() > 0.75
    assert sides.max() < 1.25
    assert sides.min() < 0.9
    assert sides.max() > 1.1


def test_turns_keep_to_their_range_and_use_it(source):
    y, x = np.mgrid[: source.mask.shape[0], : source.mask.shape[1]]
    # A straight bar of 100 x 6 pixels through the middle of the window.
    bar = (np.abs(x + 0.5 - 100) < 50) & (np.abs(y + 0.5 - 72) < 3)
    lying = replace(source, mask=np.where(bar, np.uint8(255), np.uint8(0)))
    angles = []
    for _, mask in views(replace(STILL, rotate=10), lying, 40):
        rows, columns = np.nonzero(mask >= 128)
        angles.append(np.degrees(np.arctan(np.polyfit(columns, rows, 1)[0])))
        assert centre(mask) == pytest.approx([59.5, 31.5], abs=0.5)  # about the window's middle
    assert np.abs(angles).max() <= 10.5
    assert min(angles) < -6
    assert max(angles) > 6


@pytest.mark.parametrize(
    "changes",
    [
        {"rotate": 30},
        {"rotate": 200},
        {"scale": 0.5},
        {"shift_x": 30, "shift_y": 20},
        {"rotate": 20, "scale": 0.3, "shift_x": 10, "shift_y": 10, "flip": 0.5},
    ],
)
def test_no_window_looks_beyond_its_reach(changes):
    settings = replace(STILL, **changes)
    around = int(np.ceil(reach(settings, ROI)))
    outside = 5
    shape = (ROI.height + 2 * around, ROI.width + 2 * around, 3)
    seen = np.pad(np.full(shape, 255, np.uint8), [(outside,) * 2, (outside,) * 2, (0, 0)])
    lit = source_of(seen, None, around=around + outside)
    for image, _ in views(settings, lit, 60):
        assert image.min() >= 254


def test_a_still_window_needs_no_surroundings():
    assert reach(STILL, ROI) == 0
    assert reach(replace(STILL, shift_x=3, shift_y=4), ROI) == 5


def test_light_varies_to_both_sides(source):
    grey = replace(source, picture=np.full_like(source.picture, 128))
    for name, value in (("gamma", 1.25), ("brightness", 0.08), ("cast", 0.05)):
        found = views(replace(STILL, **{name: value}), grey, 40)
        levels = np.array([image.mean() for image, _ in found])
        assert levels.min() < 126, name
        assert levels.max() > 130, name
        assert np.abs(levels - 128).max() < 30, name


def test_noise_is_that_of_good_to_poor_light_and_mostly_little(source):
    grey = replace(source, picture=np.full_like(source.picture, 128))
    images = np.stack([image for image, _ in views(replace(STILL, noise=1.0), grey, 60)])
    deviations = images.std(axis=(1, 2, 3))
    assert 0.9 < deviations.min() < 3
    assert 6 < deviations.max() < 8.5
    assert np.median(deviations) < 4.5  # 3.5 expected: 1 + 7 / 2 ** 1.5
    assert images.mean() == pytest.approx(128, abs=0.1)
    few = [image for image, _ in views(replace(STILL, noise=0.25), grey, 60)]
    assert 5 < sum(bool(image.std()) for image in few) < 27


def test_noise_is_the_cameras_so_a_shrunk_window_has_less(source):
    fine = np.full((4 * ROI.height, 4 * ROI.width, 3), 128, np.uint8)
    quarter = Source(fine, None, crop_at([[0.25, 0, 0], [0, 0.25, 0]]), 0)
    noisy = replace(STILL, noise=1.0)
    grey = replace(source, picture=np.full_like(source.picture, 128))
    (coarse, _), (native, _) = seeded(noisy, quarter, 1), seeded(noisy, grey, 1)
    # The mean over 4 x 4 pixels has a quarter of the deviation.
    assert coarse.std() / native.std() == pytest.approx(0.25, rel=0.1)


def test_compression_leaves_blocks_of_eight_native_pixels(source):
    images = [image for image, _ in views(replace(STILL, compress=1.0), source, 20)]
    differences = [off_by(image, source.picture[INNER]) for image in images]
    assert min(differences) > 2
    assert len({image.tobytes() for image in images}) > 10  # of many qualities
    steps = np.abs(np.diff(np.stack(images).astype(int), axis=2)).mean(axis=(0, 1, 3))
    assert steps.shape == (119,)
    # The window begins 40 pixels in, so at a block's edge: between columns 7 and 8, 15 and 16.
    assert steps[7::8].mean() > 1.02 * np.delete(steps, np.s_[7::8]).mean()


HEIGHT, WIDTH = 120, 200
RED, BLUE = (200, 30, 30), (20, 40, 220)
LEVEL = ((1, 0, -20), (0, 1, -10))


def plain(colour, label: int, box=None, matrix=LEVEL) -> Source:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    if box:
        mask[box] = 255
    return Source(np.full((HEIGHT, WIDTH, 3), colour, np.uint8), mask, crop_at(matrix), label)


def make(seed: int):
    donor = plain(RED, 3, np.s_[50:70, 90:110])
    host = plain(BLUE, 0)
    return donor, host, transplant(donor, host, np.random.default_rng(seed))


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
    assert (made.picture[made.mask > 0] == RED).all()


@pytest.mark.parametrize("seed", range(8))
def test_far_from_the_defect_the_host_is_untouched(seed):
    _, host, made = make(seed)
    y, x = corner(made.mask)
    far = np.ones((HEIGHT, WIDTH), np.bool_)
    far[max(0, y - 16) : y + 36, max(0, x - 16) : x + 36] = False
    assert np.array_equal(made.picture[far], host.picture[far])


def test_the_seam_runs_softly_from_donor_to_host():
    _, _, made = make(1)
    y, x = corner(made.mask)
    across = made.picture[y + 10, x - 20 : x, 0].astype(int)  # red, from the host to the defect
    assert across[0] == BLUE[0]
    assert across[-1] > 180
    assert (np.diff(across) >= 0).all()
    assert np.diff(across).max() < 60


def test_neither_capsule_is_changed():
    donor, host = plain(RED, 3, np.s_[50:70, 90:110]), plain(BLUE, 0)
    before = [part.copy() for part in (donor.picture, donor.mask, host.picture, host.mask)]
    transplant(donor, host, np.random.default_rng(0))
    after = (donor.picture, donor.mask, host.picture, host.mask)
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


# Window (x, y) of a native pixel: twice as large, upside down, moved.
SMALL_TURNED = ((-2, 0, 200), (0, -2, 150))


@pytest.mark.parametrize("seed", range(4))
def test_the_defect_lands_at_the_same_place_of_the_capsule_whatever_the_poses(seed):
    donor = plain(RED, 3, np.s_[50:70, 90:110])
    turned = plain(BLUE, 0, matrix=SMALL_TURNED)
    made = transplant(donor, turned, np.random.default_rng(seed))
    level = transplant(donor, plain(BLUE, 0), np.random.default_rng(seed))
    # In the donor's pose a host gets it so far from the middle, in window pixels ...
    x, y = centre(level.mask) + 0.5 + np.array(LEVEL)[:, 2]
    # ... and so does any other, at half the native size.
    own_x, own_y = centre(made.mask) + 0.5
    assert (200 - 2 * own_x, 150 - 2 * own_y) == pytest.approx((x, y), abs=1.5)
    assert (made.mask >= 128).sum() == pytest.approx(100, abs=25)
    assert np.array_equal(made.crop.matrix, turned.crop.matrix)


def test_a_defect_that_nobody_outlined_is_not_transplanted():
    donor = replace(plain(RED, 3), mask=None)
    with pytest.raises(ValueError, match="without a mask"):
        transplant(donor, plain(BLUE, 0), np.random.default_rng(0))
