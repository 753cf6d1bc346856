import numpy as np
import pytest
from pycocotools import mask as coco_mask

from capsule_inspect.imaging.polygons import fill_polygons


def test_corners_lie_between_pixels():
    mask = fill_polygons([[(1, 1), (4, 1), (4, 3), (1, 3)]], 5, 6)
    expected = np.zeros((5, 6), bool)
    expected[1:3, 1:4] = True
    assert np.array_equal(mask, expected)


def test_a_pixel_counts_if_half_of_it_is_inside():
    mask = fill_polygons([[(0, 0), (2.7, 0), (2.7, 4), (0, 4)]], 4, 5)
    assert mask.any(axis=0).tolist() == [True, True, True, False, False]
    mask = fill_polygons([[(0, 0), (2.2, 0), (2.2, 4), (0, 4)]], 4, 5)
    assert mask.any(axis=0).tolist() == [True, True, False, False, False]


def test_several_polygons_are_joined_and_what_lies_outside_is_cut_off():
    one = [(-5, -5), (2, -5), (2, 2), (-5, 2)]
    two = [(1, 1), (90, 1), (90, 3), (1, 3)]
    mask = fill_polygons([one, two], 4, 5)
    assert mask.sum() == 4 + 8 - 1
    assert not fill_polygons([[(9, 9), (12, 9), (12, 12)]], 4, 5).any()


@pytest.mark.parametrize("far", [1e9, 1e300])
def test_corners_far_away_are_no_trouble(far):
    assert fill_polygons([[(-far, -far), (far, -far), (far, far), (-far, far)]], 3, 3).all()


def test_areas_are_those_of_the_polygons():
    random = np.random.default_rng(3)
    for _ in range(20):
        angles = np.sort(random.uniform(0, 2 * np.pi, 9))
        radii = random.uniform(20, 45, 9)
        corners = np.stack([50 + radii * np.cos(angles), 48 + radii * np.sin(angles)], axis=1)
        mask = fill_polygons([corners.tolist()], 100, 110)
        coco = coco_mask.decode(coco_mask.frPyObjects([corners.ravel().tolist()], 100, 110))
        around = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).sum()
        # Nothing differs by more than half a pixel along the outline.
        assert (mask != (coco[..., 0] > 0)).sum() < 0.5 * around
