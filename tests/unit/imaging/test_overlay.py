import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capsule_inspect.imaging.annotation import Annotation
from capsule_inspect.imaging.find_capsules import CapsuleBox
from capsule_inspect.imaging.overlay import draw_overlay

GREY = 180


def blank(height: int = 1000, width: int = 1000) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def box(x=500.0, y=500.0, length=600.0, width=200.0, angle=0.0) -> CapsuleBox:
    return CapsuleBox(x, y, length, width, angle, length * width)


def rectangle(shape: tuple[int, int], top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def changed(drawn: np.ndarray) -> np.ndarray:
    return (drawn != GREY).any(axis=2)


def test_the_picture_itself_is_left_alone():
    picture = blank()
    drawn = draw_overlay(picture, [Annotation(box(), "good", 0.99, False, None)])
    assert (picture == GREY).all()
    assert drawn.shape == picture.shape
    assert drawn.dtype == np.uint8


@pytest.mark.parametrize(("is_defect", "strong", "weak"), [(True, 0, 1), (False, 1, 0)])
def test_defects_are_red_and_good_capsules_green(is_defect, strong, weak):
    drawn = draw_overlay(blank(), [Annotation(box(), "x", 0.9, is_defect, None)])
    # The long sides of the box run 6 pixels outside of it.
    for y in (500 - 106, 500 + 105):
        pixel = drawn[y, 700].astype(int)
        assert pixel[strong] > pixel[weak] + 60


def test_far_from_capsule_and_caption_nothing_changes():
    drawn = draw_overlay(blank(), [Annotation(box(), "crack", 0.9, True, None)])
    assert not changed(drawn)[620:].any()
    assert not changed(drawn)[:340].any()
    assert not changed(drawn)[420:580, 220:780].any()


def test_box_turns_with_the_capsule():
    drawn = draw_overlay(blank(), [Annotation(box(angle=90.0), "good", 0.9, False, None)])
    assert changed(drawn)[500, 500 - 106]
    assert changed(drawn)[500, 500 + 105]
    assert not changed(drawn)[500, 420:580].any()


def test_contour_goes_all_around_the_defect_and_hides_none_of_it():
    mask = rectangle((1000, 1000), 480, 600, 40, 60)
    drawn = draw_overlay(blank(), [Annotation(box(), "poke", 0.9, True, mask)]).astype(int)
    inside = drawn[483:517, 603:657]
    assert (inside == inside[0, 0]).all()
    # 28 % of the colour: red stays above the grey's share, blue falls.
    assert GREY * 0.72 < inside[0, 0, 2] < GREY * 0.78
    for ray in (drawn[470:480, 630], drawn[520:530, 630], drawn[500, 590:600], drawn[500, 660:670]):
        assert (ray[:, 0] - ray[:, 1]).max() > 100


@settings(max_examples=60, deadline=None)
@given(
    centre=st.tuples(st.floats(100, 500), st.floats(100, 300)),
    length=st.floats(120, 500),
    angle=st.floats(-180, 180),
    along=st.floats(-0.4, 0.4),
    size=st.integers(8, 40),
)
def test_caption_keeps_off_the_defect(centre, length, angle, along, size):
    x = int(np.clip(centre[0] + along * length * math.cos(math.radians(angle)), 0, 599 - size))
    y = int(np.clip(centre[1] + along * length * math.sin(math.radians(angle)), 0, 399 - size))
    mask = rectangle((400, 600), y, x, size, size)
    capsule = box(*centre, length, length / 3, angle)
    drawn = draw_overlay(blank(400, 600), [Annotation(capsule, "faulty_imprint", 0.9, True, mask)])
    inside = drawn[y + 3 : y + size - 3, x + 3 : x + size - 3]
    # Neither letters nor plate. Contours of defects at the picture's edge may be closed inside it.
    assert not (inside == 255).all(axis=2).any()
    assert (inside == inside[0, 0]).all(axis=2).mean() > 0.8


@pytest.mark.parametrize("width", [300, 584])
def test_on_a_capsule_that_fills_its_picture_the_caption_keeps_off_the_defect(width):
    # Where the caption would go first, at the top left, and in all of the row beside it.
    mask = rectangle((400, 600), 8, 8, 60, width)
    capsule = box(300, 200, 600, 400)
    drawn = draw_overlay(blank(400, 600), [Annotation(capsule, "poke", 0.9, True, mask)])
    assert (drawn == 255).all(axis=2).any()
    inside = drawn[12:64, 12 : width + 4]  # the contour rounds the corners
    assert (inside == inside[0, 0]).all()


def test_a_label_that_is_known_is_written_without_a_score():
    drawn = [
        draw_overlay(blank(), [Annotation(box(), label, score, True, None)])
        for label, score in (("poke", None), ("poke", 0.5), ("poke 0.50", None))
    ]
    assert (drawn[0] == 255).sum() < (drawn[1] == 255).sum()
    assert (drawn[1] == drawn[2]).all()


@pytest.mark.parametrize(("side", "has_rim"), [(400, False), (2000, True)])
def test_the_contour_has_a_white_rim_where_there_is_room_for_one(side, has_rim):
    capsule = box(side / 2, side / 2, 0.6 * side, 0.4 * side)
    mask = rectangle((side, side), side // 2 - 30, side // 2 - 30, 60, 60)
    drawn = draw_overlay(blank(side, side), [Annotation(capsule, "x", 0.9, True, mask)])
    beside = drawn[side // 2, side // 2 + 28 : side // 2 + 45]
    assert (beside > 240).all(axis=1).any() == has_rim


@pytest.mark.parametrize(("side", "least"), [(300, 8), (1000, 16), (4000, 64)])
def test_caption_grows_with_the_picture(side, least):
    capsule = box(side / 2, side / 2, 0.6 * side, 0.2 * side)
    drawn = draw_overlay(blank(side, side), [Annotation(capsule, "poke", 0.9, True, None)])
    letters = (drawn > 215).all(axis=2)
    rows = np.flatnonzero(letters.any(axis=1))
    assert least <= rows[-1] - rows[0] + 1 <= 2 * least
    assert rows[-1] < 0.4 * side


@pytest.mark.parametrize("y", [40.0, 960.0])
def test_caption_stays_inside_the_picture(y):
    drawn = draw_overlay(blank(), [Annotation(box(500, y, 900, 200), "squeeze", 1, True, None)])
    letters = (drawn > 240).all(axis=2)
    plain = draw_overlay(blank(), [Annotation(box(), "squeeze", 1.0, True, None)])
    assert letters.sum() == (plain > 240).all(axis=2).sum()


def test_captions_of_neighbours_do_not_overlap():
    pair = [
        Annotation(box(500, 300, 300, 100), "poke", 0.9, True, None),
        Annotation(box(500, 310, 300, 100), "poke", 0.9, True, None),
    ]
    both = (draw_overlay(blank(), pair) > 250).all(axis=2).sum()
    one = (draw_overlay(blank(), pair[:1]) > 250).all(axis=2).sum()
    assert both == 2 * one


def test_a_picture_without_capsules_says_so():
    drawn = changed(draw_overlay(blank(), ()))
    assert drawn[:60, :300].any()
    assert not drawn[60:].any()


@pytest.mark.parametrize("label", ["Riß", "бракованный", "裂纹", "x" * 300, "", "a\nb"])
def test_any_class_name_can_be_drawn(label):
    drawn = draw_overlay(blank(), [Annotation(box(), label, 0.5, True, None)])
    assert changed(drawn)[340:394].any()


def test_accents_become_plain_letters():
    accented, plain = (
        draw_overlay(blank(), [Annotation(box(), label, 0.5, True, None)])
        for label in ("éraflure", "eraflure")
    )
    assert (accented == plain).all()


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    filled=st.booleans(),
)
def test_no_picture_is_too_small(height, width, filled):
    mask = np.full((height, width), filled)
    capsule = box(width / 2, height / 2, width, height)
    drawn = draw_overlay(blank(height, width), [Annotation(capsule, "crack", 0.9, True, mask)])
    assert drawn.shape == (height, width, 3)
    assert draw_overlay(blank(height, width), ()).shape == (height, width, 3)


def test_a_round_defect_gets_a_round_contour():
    mask = cv2.circle(np.zeros((1000, 1000), np.uint8), (500, 500), 60, 1, -1).astype(bool)
    drawn = draw_overlay(blank(), [Annotation(box(), "poke", 0.9, True, mask)]).astype(int)
    y, x = np.nonzero((drawn[..., 0] - drawn[..., 2] > 120) & (np.abs(drawn[..., 1] - 62) < 20))
    distance = np.hypot(y - 500, x - 500)
    ring = distance[distance < 90]
    assert ring.size > 300
    assert ring.min() >= 60
    assert ring.max() < 66


@pytest.mark.parametrize(
    ("confidence", "label", "number"), [(0.18, "good, score", 0.82), (0.5, "good", 0.5)]
)
def test_a_good_capsule_that_is_less_likely_than_not_shows_its_score(confidence, label, number):
    drawn = draw_overlay(blank(), [Annotation(box(), "good", confidence, False, None)])
    # A defect's class shows what it is given, in another colour; so does a good one from .5 on.
    expected = draw_overlay(blank(), [Annotation(box(), label, number, False, None)])
    assert (drawn == expected).all()
