import numpy as np
import pytest

from capsule_inspect.imaging.caption import draw_caption, make_caption, spell_label


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
