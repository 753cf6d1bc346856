import numpy as np
import pytest

from capsule_inspect.dataset.crops import TrainingCrop
from capsule_inspect.dataset.transplant import transplant

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
