import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from capsule_inspect.imaging.outlines import outline
from capsule_inspect.imaging.polygons import fill_polygons
from capsule_inspect.imaging.region import Region

SQUARE = np.ones((3, 3), np.uint8)


def refill(mask):
    return fill_polygons(outline(Region.of(mask)), *mask.shape)


def assert_within_a_pixel(mask, other):
    """Only pixels that touch a pixel of the other kind, also at a corner, may have changed."""
    padded = np.pad(mask.astype(np.uint8), 1)
    least, most = cv2.erode(padded, SQUARE)[1:-1, 1:-1], cv2.dilate(padded, SQUARE)[1:-1, 1:-1]
    assert not (other < least).any()
    assert not (other > most).any()


MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(MASKS)
def test_any_mask_comes_back_within_a_pixel(mask):
    assert_within_a_pixel(mask, refill(mask))


@given(MASKS)
def test_a_mask_full_of_holes_comes_back_exactly(inner):
    mask = np.pad(inner, 1, constant_values=True)
    if mask.all():
        return
    np.testing.assert_array_equal(refill(mask), mask)


@pytest.mark.parametrize(
    "mask",
    [
        np.eye(7, dtype=np.bool_),  # parts that touch at corners
        np.ones((1, 9), np.bool_),
        np.ones((1, 1), np.bool_),
        np.pad(np.ones((9, 1), np.bool_), 2),
    ],
)
def test_thin_lines_and_dots_come_back_exactly(mask):
    np.testing.assert_array_equal(refill(mask), mask)


def test_a_ring_is_one_polygon_that_goes_into_its_hole_and_back():
    mask = np.zeros((9, 9), np.bool_)
    mask[1:8, 1:8], mask[3:6, 3:6] = True, False
    (polygon,) = outline(Region.of(mask))
    assert len(polygon) == 4 + 4 + 2  # two squares, and the place where each is left again
    np.testing.assert_array_equal(refill(mask), mask)


def test_an_island_in_a_hole_is_a_polygon_of_its_own():
    mask = np.zeros((11, 11), np.bool_)
    mask[1:10, 1:10], mask[3:8, 3:8], mask[5, 5] = True, False, True
    assert len(outline(Region.of(mask))) == 2
    np.testing.assert_array_equal(refill(mask), mask)


def test_parts_stand_in_the_order_of_their_first_pixels():
    mask = np.zeros((20, 20), np.bool_)
    for top, left in ((10, 2), (1, 12), (1, 3)):
        mask[top : top + 3, left : left + 3] = True
    lefts = [min(x for x, _ in polygon) for polygon in outline(Region.of(mask))]
    assert lefts == [3, 12, 2]


def test_a_smooth_region_has_few_corners_and_almost_the_same_pixels():
    y, x = np.mgrid[:300, :400]
    mask = ((x - 200) / 150) ** 2 + ((y - 150) / 90) ** 2 < 1
    (polygon,) = outline(Region.of(mask))
    again = refill(mask)
    assert len(polygon) < 60  # the edges of its pixels have over 600 corners
    assert (again & mask).sum() / (again | mask).sum() > 0.99
    assert_within_a_pixel(mask, again)


def test_an_empty_region_has_no_outline():
    assert outline(Region.of(np.zeros((4, 5), np.bool_))) == ()
    assert outline(Region((4, 5), 0, 0, np.zeros((0, 0), np.bool_))) == ()
