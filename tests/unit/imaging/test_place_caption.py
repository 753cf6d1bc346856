import numpy as np

from capsule_inspect.imaging.caption import make_caption
from capsule_inspect.imaging.place_caption import cover_costs, place_caption

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
