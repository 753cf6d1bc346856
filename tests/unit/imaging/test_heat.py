import numpy as np
import pytest

from capsule_inspect.imaging.annotation import Annotation
from capsule_inspect.imaging.find_capsules import CapsuleBox
from capsule_inspect.imaging.heat import colours_of, draw_heat
from capsule_inspect.imaging.overlay import draw_overlay

GREY = 180


def blank(height: int = 400, width: int = 600) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def heat_at(rows: slice, columns: slice) -> np.ndarray:
    hint = np.zeros((400, 600), np.float32)
    hint[rows, columns] = 1
    return hint


def hinted(hint, height: int = 400, width: int = 600) -> Annotation:
    box = CapsuleBox(width / 2, height / 2, width, height, 0.0, width * height)
    return Annotation(box, "crack", 0.9, True, None, hint)


def test_colours_are_mixed_between_yellow_orange_and_magenta():
    found = colours_of(np.array([0, 0.25, 0.5, 1], np.float32))
    assert found.tolist() == [[255, 225, 60], [252.5, 172.5, 35], [250, 120, 10], [215, 0, 95]]


def test_higher_levels_are_darker():
    grey = colours_of(np.linspace(0, 1, 50, dtype=np.float32)) @ [0.299, 0.587, 0.114]
    assert (np.diff(grey) < 0).all()


def test_the_colour_covers_half_at_the_highest_place_and_less_at_lower_ones():
    drawn, hint = blank(2, 2), np.array([[0, 1], [0.5, 0]], np.float32)
    draw_heat(drawn, hint)
    # Half of (215, 0, 95) and half of 180; a quarter of (250, 120, 10) and the rest of 180.
    assert drawn[0, 1].tolist() == [198, 90, 138]
    assert drawn[1, 0].tolist() == [198, 165, 138]
    assert (drawn[[0, 1], [0, 1]] == GREY).all()


def test_a_picture_of_many_rows_is_coloured_to_the_last():
    drawn, levels = blank(700, 3), np.zeros((700, 3), np.float32)
    levels[9:699, 1] = 1
    draw_heat(drawn, levels)
    changed = (drawn != GREY).any(axis=2)
    assert np.array_equal(changed, levels > 0)
    assert (drawn[9:699, 1] == drawn[9, 1]).all()


def test_a_hint_of_nothing_changes_nothing():
    drawn = blank()
    draw_heat(drawn, np.zeros((400, 600), np.float32))
    assert (drawn == GREY).all()


def test_an_overlay_shows_the_hint_with_its_legend_and_a_mask_has_neither():
    hint = heat_at(slice(150, 200), slice(250, 300))
    plain, drawn = (draw_overlay(blank(), [hinted(each)]) for each in (None, hint))
    changed = (plain != drawn).any(axis=2)
    assert changed[150:200, 250:300].all()
    changed[150:200, 250:300] = False
    rows, columns = np.nonzero(changed)  # the legend, at the bottom left
    assert rows.min() > 350
    assert columns.max() < 400
    assert rows.size > 1000
    # A strip of the colours, from low to high.
    assert any((abs(drawn[rows.min() :, 10:30].astype(int) - [255, 220, 60]) < 20).all(2).any(1))


@pytest.mark.parametrize("bottom", [True, False])
def test_caption_and_legend_keep_off_the_strongest_places(bottom):
    rows = slice(340, 400) if bottom else slice(0, 60)
    hint = heat_at(rows, slice(0, 600))
    drawn = draw_overlay(blank(), [hinted(hint)])
    inside = drawn[rows][10:50, 10:590]  # the line around the capsule runs at the edge
    assert (inside == inside[0, 0]).all()


@pytest.mark.parametrize("side", [1, 9, 40])
def test_no_picture_is_too_small(side):
    capsule = hinted(np.ones((side, side), np.float32), side, side)
    drawn = draw_overlay(np.zeros((side, side, 3), np.uint8), [capsule])
    assert drawn.shape == (side, side, 3)
    assert drawn.any()
