import math

import cv2
import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI
from hypothesis import given, settings
from hypothesis import strategies as st

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.drawing.defects import DEFECTS
from capsule_inspect.imaging.crop import crop_capsule, find_crops
from capsule_inspect.imaging.find_capsules import CapsuleBox, find_capsules
from capsule_inspect.imaging.roi import Roi

ROI = CAPSULE_ROI
WHOLE = Roi("whole", 96, 64, 80)


@st.composite
def boxes(draw) -> CapsuleBox:
    length = draw(st.floats(60, 1200))
    return CapsuleBox(
        x=draw(st.floats(0, 1000)),
        y=draw(st.floats(0, 1000)),
        length=length,
        width=length / draw(st.floats(1.5, 5)),
        angle=draw(st.floats(-179.99, 180)),
        area=1.0,
    )


def to_window(crop, x: float, y: float) -> np.ndarray:
    return crop.matrix @ [x, y, 1]


@given(boxes())
def test_the_box_lands_upright_in_the_middle_at_the_standard_length(box):
    crop = crop_capsule(box, ROI)
    scale = 428 / box.length
    assert crop.scales == pytest.approx((scale, scale))
    assert to_window(crop, box.x, box.y) == pytest.approx([240, 96], abs=1e-6)
    along = np.array([math.cos(math.radians(box.angle)), math.sin(math.radians(box.angle))])
    across = np.array([-along[1], along[0]])  # downwards where `along` points right
    for right in (-1, 1):
        for down in (-1, 1):
            x, y = (
                np.array([box.x, box.y])
                + right * along * box.length / 2
                + down * across * box.width / 2
            )
            expected = [240 + right * 214, 96 + down * box.width * scale / 2]
            assert to_window(crop, x, y) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(boxes(), st.integers(0, 255))
def test_a_plain_picture_gives_a_plain_window(box, level):
    crop = crop_capsule(box, Roi("capsule", 96, 64, 80))
    assert (crop.take(np.full((200, 300, 3), level, np.uint8)) == level).all()
    taken = crop.take(np.full((200, 300), level, np.uint8))
    assert taken.shape == (64, 96)
    assert taken.dtype == np.uint8
    assert (taken == level).all()


@pytest.mark.parametrize("degrees", [0, 30, 90, -120, 180])
@pytest.mark.parametrize("length", [90, 214, 428, 856])
def test_the_window_shows_what_lies_there(degrees, length):
    # A ramp stays a ramp under any affine map, and under a mean of neighbours.
    side = 1400
    x, y = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    picture = np.rint(x * 0.1 + y * 0.07).astype(np.uint8)
    crop = crop_capsule(CapsuleBox(700, 690, length, length / 2.5, degrees, 1), ROI)
    window_x, window_y = np.meshgrid(np.arange(480) + 0.5, np.arange(192) + 0.5)
    linear, offset = crop.matrix[:, :2], crop.matrix[:, 2:]
    native = np.linalg.inv(linear) @ (np.stack([window_x.ravel(), window_y.ravel()]) - offset)
    expected = (native[0] * 0.1 + native[1] * 0.07).reshape(192, 480)
    shown = (native.reshape(2, 192, 480) > 1).all(0) & (native.reshape(2, 192, 480) < 1399).all(0)
    assert shown.mean() > 0.6
    assert np.abs(crop.take(picture) - expected)[shown].max() < 1.6


@settings(max_examples=25, deadline=None)
@given(boxes(), st.sampled_from([(96, 240), (192, 480)]))
def test_ones_come_back_as_ones_inside_and_as_nothing_outside(box, shape):
    crop = crop_capsule(box, ROI)
    restored = crop.restore(np.ones(shape, np.float32), 500, 600)
    assert restored.shape == (500, 600)
    assert restored.dtype == np.float32
    x, y = np.meshgrid(np.arange(600) + 0.5, np.arange(500) + 0.5)
    window_x, window_y = (
        crop.matrix[row, 0] * x + crop.matrix[row, 1] * y + crop.matrix[row, 2] for row in (0, 1)
    )
    reach = 480 / shape[1] / 2 + 0.05  # half a pixel of the values, over which the edge fades
    deep = np.minimum.reduce([window_x, 480 - window_x, window_y, 192 - window_y])
    assert restored[deep > reach] == pytest.approx(1, abs=1e-5)
    assert (restored[deep < -reach] == 0).all()
    assert restored.min() >= 0


def there_and_back(mask: np.ndarray, crop) -> float:
    taken = crop.take(mask).astype(np.float32) / 255
    back = crop.restore(taken, *mask.shape) >= 0.5
    true = mask > 0
    return float((back & true).sum() / (back | true).sum())


def test_drawn_masks_survive_the_window():
    overlaps = []
    for defect in DEFECTS:
        for seed in range(4):
            drawn = draw_capsule(defect, (29, seed))
            (crop,) = find_crops(drawn.picture, ROI)
            overlaps.append(there_and_back(drawn.mask, crop))
    assert min(overlaps) >= 0.95
    assert np.median(overlaps) >= 0.99


def test_a_mask_is_restored_at_its_place_at_half_the_resolution():
    mask = np.zeros((700, 900), np.uint8)
    cv2.circle(mask, (520, 300), 60, 255, -1)
    crop = crop_capsule(CapsuleBox(480, 330, 600, 240, -33, 1), ROI)
    halved = cv2.resize(crop.take(mask), (240, 96), interpolation=cv2.INTER_AREA)
    back = crop.restore(halved.astype(np.float32) / 255, 700, 900) >= 0.5
    y, x = np.nonzero(back)
    assert (x.mean(), y.mean()) == pytest.approx((520, 300), abs=0.3)
    assert back.sum() == pytest.approx((mask > 0).sum(), rel=0.03)


@pytest.mark.parametrize("shrink", range(1, 9))
def test_shrinking_blends_the_pixels_instead_of_skipping_some(shrink):
    # Of the columns under each pixel of the window, one is white.
    picture = np.zeros((192 * shrink, 480 * shrink, 3), np.uint8)
    picture[:, ::shrink] = 255
    box = CapsuleBox(240 * shrink, 96 * shrink, 428 * shrink, 171 * shrink, 0, 1)
    window = crop_capsule(box, ROI).take(picture)
    assert np.abs(window - 255 / shrink).max() <= 1


def test_a_window_past_the_border_repeats_it():
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[:, 0] = 200
    crop = crop_capsule(CapsuleBox(0, 50, 428, 171, 0, 1), ROI)
    window = crop.take(picture)
    assert (window[:, :239] == 200).all()
    assert (window[:, 242:] == 0).all()


def test_dark_comes_left_whichever_way_the_capsule_lies():
    for seed in range(6):
        picture = draw_capsule("good", (41, seed), 300).picture
        for view in (picture, np.ascontiguousarray(picture[::-1, ::-1])):
            (crop,) = find_crops(view, ROI)
            middle = crop.take(view)[72:120].mean(axis=(0, 2))
            assert middle[60:230].mean() < middle[250:420].mean()


def test_there_is_one_window_for_each_capsule_and_none_without():
    tile = draw_capsule("good", 3, 250).picture
    two = np.vstack([tile, tile])
    crops = find_crops(two, ROI)
    assert [crop.box for crop in crops] == list(find_capsules(two))
    assert len(crops) == 2
    assert find_crops(np.full((250, 250, 3), 240, np.uint8), ROI) == ()


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 400))
def test_whole_shows_all_of_a_picture_as_large_as_fits(width, height):
    (crop,) = find_crops(np.zeros((height, width, 3), np.uint8), WHOLE)
    corners = np.array([to_window(crop, x, y) for x in (0, width) for y in (0, height)])
    low, high = corners.min(axis=0), corners.max(axis=0)
    assert (low >= -1e-9).all()
    assert (high <= np.array([96, 64]) + 1e-9).all()
    assert np.isclose(high - low, [96, 64]).any()  # it touches two opposite sides
    assert (low + high) / 2 == pytest.approx([48, 32])
    assert (crop.box.x, crop.box.y) == (width / 2, height / 2)
    assert (crop.box.length, crop.box.width, crop.box.angle) == (width, height, 0)
    assert crop.box.area == width * height


STRETCHED = Roi("stretched", 96, 64, 80)


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 400))
def test_stretched_fills_the_window_with_all_of_a_picture(width, height):
    (crop,) = find_crops(np.zeros((height, width, 3), np.uint8), STRETCHED)
    assert to_window(crop, 0, 0) == pytest.approx([0, 0])
    assert to_window(crop, width, height) == pytest.approx([96, 64])
    assert to_window(crop, width / 2, height / 4) == pytest.approx([48, 16])
    assert (crop.box.length, crop.box.width, crop.box.angle) == (width, height, 0)


@pytest.mark.parametrize(("shrink_x", "shrink_y"), [(1, 5), (5, 1), (2, 7)])
def test_stretching_blends_the_pixels_of_each_direction_by_its_own_measure(shrink_x, shrink_y):
    # Of the pixels under each pixel of the window, one row or one column is white.
    picture = np.zeros((64 * shrink_y, 96 * shrink_x), np.uint8)
    picture[::shrink_y] = 255
    (crop,) = find_crops(np.dstack([picture] * 3), STRETCHED)
    assert np.abs(crop.take(picture) - 255 / shrink_y).max() <= 1
    picture[:], picture[:, ::shrink_x] = 0, 255
    assert np.abs(crop.take(picture) - 255 / shrink_x).max() <= 1


def test_a_stretched_mask_comes_back_at_its_place():
    mask = np.zeros((286, 114), np.uint8)
    cv2.ellipse(mask, (70, 200), (20, 9), 0, 0, 360, 255, -1)
    (crop,) = find_crops(np.dstack([mask] * 3), Roi("stretched", 256, 256, 428))
    assert there_and_back(mask, crop) > 0.97


def test_stretched_restores_every_pixel_of_a_picture_of_another_shape():
    (crop,) = find_crops(np.zeros((96, 32, 3), np.uint8), Roi("stretched", 96, 96, 80))
    assert crop.restore(np.ones((96, 96), np.float32), 96, 32) == pytest.approx(1)


def test_whole_restores_every_pixel_of_the_picture():
    (crop,) = find_crops(np.zeros((64, 96, 3), np.uint8), WHOLE)
    assert crop.restore(np.ones((64, 96), np.float32), 64, 96) == pytest.approx(1)
