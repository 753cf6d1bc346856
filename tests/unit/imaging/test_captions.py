import numpy as np
import pytest

from capsule_inspect.imaging.captions import (
    cover_costs,
    draw_caption,
    make_caption,
    place_caption,
    spell_label,
)

CAPTION = make_caption("poke 0.90", 1000, 1.0)
BOX = np.array([(300.0, 400.0), (700.0, 400.0), (700.0, 600.0), (300.0, 600.0)])


def mask(top: int, bottom: int, left: int = 0, right: int = 1000) -> np.ndarray:
    pixels = np.zeros((1000, 1000), bool)
    pixels[top:bottom, left:right] = True
    return pixels


def test_a_caption_goes_above_the_left_end_of_its_box():
    costs = cover_costs((1000, 1000), [BOX], [None])
    assert place_caption(CAPTION, BOX, costs, gap=4) == (300, 400 - 4 - CAPTION.height)


def test_a_defect_above_moves_it_aside_or_below():
    beside = cover_costs((1000, 1000), [BOX], [mask(0, 400, 0, 400)])
    x, y = place_caption(CAPTION, BOX, beside, gap=4)
    assert (x, y) == (700 - CAPTION.width, 400 - 4 - CAPTION.height)
    below = cover_costs((1000, 1000), [BOX], [mask(0, 400)])
    assert place_caption(CAPTION, BOX, below, gap=4) == (300, 604)


def test_the_next_caption_keeps_off_this_one():
    costs = cover_costs((1000, 1000), [BOX], [None])
    spots = [place_caption(CAPTION, BOX, costs, gap=4) for _ in range(3)]
    assert len(set(spots)) == 3
    assert costs.max() == 100  # none covers another


def test_costs_rank_defect_box_and_ground():
    costs = cover_costs((1000, 1000), [BOX], [mask(450, 460, 500, 510), None])
    assert (costs[455, 505], costs[500, 350], costs[100, 100]) == (1000, 1, 0)
    assert costs.dtype == np.int16


def test_a_caption_larger_than_the_picture_starts_at_its_corner():
    small = np.zeros((8, 8), np.int16)
    assert place_caption(CAPTION, np.array([(1.0, 1), (6, 1), (6, 6), (1, 6)]), small, 0) == (0, 0)


def test_a_plate_holds_its_text_and_nothing_is_drawn_outside():
    caption = make_caption("crack 0.97", 1000, 1.0)
    drawn = np.full((200, 400, 3), 180, np.uint8)
    draw_caption(drawn, caption, (50, 60), (200, 0, 0))
    rows, columns = np.nonzero((drawn != 180).any(axis=2))
    # The round corners are smoothed over one more pixel.
    assert (rows.min(), rows.max()) == pytest.approx((60, 60 + caption.height - 1), abs=1)
    assert (columns.min(), columns.max()) == pytest.approx((50, 50 + caption.width - 1), abs=1)
    letters = np.nonzero((drawn > 240).all(axis=2))
    assert letters[0].min() >= 60 + caption.pad // 2
    assert letters[1].max() < 50 + caption.width - caption.pad // 2


@pytest.mark.parametrize(("unit", "height"), [(0.1, 11), (1, 20), (4, 80)])
def test_text_grows_with_the_picture_but_stays_readable(unit, height):
    assert make_caption("poke", round(1000 * unit), unit).text_height == pytest.approx(
        height, abs=1
    )


def test_a_long_text_is_set_smaller():
    caption = make_caption("x" * 24, 100, 1.0)
    assert caption.width - 2 * caption.pad <= 92


@pytest.mark.parametrize(
    ("label", "spelled"),
    [
        ("faulty_imprint", "faulty_imprint"),
        ("éraflure", "eraflure"),
        ("裂纹", "??"),
        ("a\nb", "a?b"),
        ("x" * 24, "x" * 24),
        ("x" * 25, "x" * 22 + ".."),
    ],
)
def test_a_label_is_spelled_in_letters_that_the_font_has(label, spelled):
    assert spell_label(label) == spelled
