import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from capsule_roi import CAPSULE_ROI
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stadia import GROUND, Stadium, draw

from capsule_inspect.drawing.capsules import draw_capsule
from capsule_inspect.imaging.crop import Crop, crop_capsule, find_crops
from capsule_inspect.imaging.find_capsules import find_capsules
from capsule_inspect.imaging.roi import Roi


def raw(crop: Crop, picture):
    """The window without any painting."""
    return crop_capsule(crop.box, crop.roi).take(picture)


def places(crop: Crop):
    """The native places of the window's pixel centres, [n, 2]."""
    x, y = np.meshgrid(np.arange(crop.roi.width) + 0.5, np.arange(crop.roi.height) + 0.5)
    inverse = cv2.invertAffineTransform(crop.matrix)
    return np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1) @ inverse.T


def crop_of(stadium: Stadium, picture) -> Crop:
    crops = find_crops(picture, CAPSULE_ROI)
    return min(crops, key=lambda each: math.hypot(each.box.x - stadium.x, each.box.y - stadium.y))


@settings(max_examples=20, deadline=None)
@given(
    side=st.integers(250, 500),
    degrees=st.floats(0, 360),
    gap=st.floats(1.5, 8),
    shift=st.floats(-0.5, 0.5),
)
def test_the_neighbour_goes_and_the_capsule_stays(side, degrees, gap, shift):
    pixel = side / 250  # the outlines are known no finer than this
    own = Stadium(side / 2, side / 2, 0.4 * side, 0.15 * side, degrees)
    other = own.beside(gap * pixel, shift * own.length)
    picture = draw(side, own, other)
    assume(len(find_capsules(picture)) == 2)  # they may be too near to be told apart
    crop = crop_of(own, picture)
    before, after = (
        each.reshape(-1, 3).astype(int) for each in (raw(crop, picture), crop.take(picture))
    )
    to_own, to_other = (each.distance(places(crop)) for each in (own, other))
    assert (after == before)[to_own < -0.5 * pixel].all()
    assert np.abs(after - GROUND)[to_other < -pixel].max(initial=0) <= 3
    # Far from both, nothing is touched.
    assert (after == before)[to_other > 20 / crop.scales[0]].all()


@settings(max_examples=15, deadline=None)
@given(side=st.integers(250, 500), degrees=st.floats(0, 360), gap=st.floats(2, 12))
def test_the_gap_is_the_distance_between_the_outlines(side, degrees, gap):
    pixel = side / 250
    own = Stadium(side / 2, side / 2, 0.4 * side, 0.15 * side, degrees)
    picture = draw(side, own, own.beside(gap * pixel))
    crop = crop_of(own, picture)
    window_reaches = (crop.roi.height / crop.scales[0] - own.width) / 2
    if crop.gap is None:
        assert gap * pixel > window_reaches - 2 * pixel
    else:
        assert -1.5 * pixel < crop.gap - gap * pixel < 0.5 * pixel  # rather too small


def test_without_a_second_object_the_window_is_the_same_to_the_byte():
    for seed in range(6):
        picture = draw_capsule("good", (61, seed), 400).picture
        (crop,) = find_crops(picture, CAPSULE_ROI)
        assert crop.gap is None
        assert (crop.take(picture) == raw(crop, picture)).all()


def test_a_far_object_leaves_the_window_the_same_to_the_byte():
    own = Stadium(140, 140, 200, 70, 0)
    picture = draw(500, own, Stadium(330, 400, 200, 70, 30))
    for crop in find_crops(picture, CAPSULE_ROI):
        assert crop.gap is None
        assert (crop.take(picture) == raw(crop, picture)).all()


def near_a(thing) -> tuple[Crop, np.ndarray]:
    """A capsule below which a thing is drawn, 8 pixels away."""
    picture = draw(500, Stadium(250, 200, 240, 80, 0))
    thing(picture)
    (crop,) = find_crops(picture, CAPSULE_ROI)
    return crop, picture


@pytest.mark.parametrize(
    "thing",
    [
        lambda picture: cv2.circle(picture, (250, 308), 60, (120, 20, 20), -1),
        lambda picture: cv2.rectangle(picture, (0, 248), (499, 330), (40, 90, 40), -1),
    ],
    ids=["a tablet", "a bar"],
)
def test_an_object_that_is_no_capsule_is_painted_over_too(thing):
    crop, picture = near_a(thing)
    lower = crop.take(picture)[176:].astype(int)
    assert np.abs(raw(crop, picture)[176:].astype(int) - GROUND).max() > 100
    assert np.abs(lower - GROUND).max() <= 2
    assert crop.gap == pytest.approx(8, abs=3)


def test_the_ground_keeps_its_slope():
    slope = np.linspace(150, 240, 500, dtype=np.float32)[None, :, None]
    bare = np.rint(np.broadcast_to(slope, (500, 500, 3))).astype(np.uint8)
    picture = bare.copy()
    for y in (200, 290):
        cv2.rectangle(picture, (130, y - 40), (370, y + 40), (60, 60, 60), -1)
    crop = min(find_crops(picture, CAPSULE_ROI), key=lambda each: each.box.y)
    (upper,) = (
        crop.take(picture)[edge].astype(int) - raw(crop, bare)[edge].astype(int)
        for edge in [np.s_[:3] if crop.box.angle > 90 or crop.box.angle < -90 else np.s_[-3:]]
    )
    assert np.abs(upper).max() <= 6


def test_a_mask_loses_what_lies_on_the_neighbour():
    own = Stadium(250, 220, 240, 80, 0)
    other = own.beside(12)
    picture = draw(500, own, other)
    mask = np.zeros((500, 500), np.uint8)
    cv2.circle(mask, (250, 220), 12, 255, -1)
    cv2.circle(mask, (250, round(other.y) - 36), 4, 255, -1)
    crop = crop_of(own, picture)
    shown = raw(crop, mask)
    assert shown[60:130].any()
    assert shown[170:].any()
    painted = crop.take(mask)
    assert (painted[:150] == shown[:150]).all()
    assert not painted[170:].any()


def test_a_neighbour_at_the_border_does_not_leave_streaks():
    own = Stadium(250, 422, 240, 80, 0)
    picture = draw(500, own, own.beside(8))
    crops = find_crops(picture, replace(CAPSULE_ROI, height=300))
    crop = min(crops, key=lambda each: abs(each.box.y - own.y))
    assert places(crop)[:, 1].max() > 505  # the window reaches beyond the picture
    shown = crop.take(picture)
    low = shown[:74] if abs(crop.box.angle) > 90 else shown[-74:]
    assert np.abs(raw(crop, picture)[[5, -5]].astype(int) - GROUND).max() > 100
    low = low.astype(int)
    assert np.abs(low - GROUND).max() <= 3


def test_a_window_of_the_whole_picture_keeps_all_objects():
    own = Stadium(250, 220, 240, 80, 0)
    picture = draw(500, own, own.beside(12))
    (crop,) = find_crops(picture, Roi("whole", 500, 500, 400))
    assert crop.gap is None
    assert (crop.take(picture) == picture).all()


def test_in_a_part_of_the_picture_the_window_is_painted_alike():
    own = Stadium(200, 200, 160, 60, 30)
    picture = draw(400, own, own.beside(3, 20))
    crop = crop_of(own, picture)
    rows, columns = crop.bounds(picture, margin=10)
    assert rows.start > 0
    assert columns.start > 0
    part = crop.within(rows, columns)
    assert part.gap == pytest.approx(crop.gap)
    windows = [crop.take(picture), part.take(picture[rows, columns]), raw(crop, picture)]
    whole, cut, unpainted = (each.astype(int) for each in windows)
    # OpenCV rounds positions to 1/32 pixel, from the corner of what it is given.
    assert np.abs(cut - whole).max() <= 8
    assert np.abs(unpainted - whole).max() > 100
