import numpy as np
import pytest

from capsule_inspect.drawing.lettering import print_texture


@pytest.mark.parametrize("pixels", [0.5, 1.0])
def test_a_text_stands_in_the_middle_with_a_margin_of_its_height(pixels: float) -> None:
    strip = print_texture("500", 60, 12, pixels)
    assert strip.dtype == np.float32
    assert (strip.min(), strip.max()) == (0, 1)
    rows, columns = np.nonzero(strip.max(axis=1))[0], np.nonzero(strip.max(axis=0))[0]
    free = (60 - 12 / 2) * pixels
    for used, length in ((rows, strip.shape[0]), (columns, strip.shape[1])):
        assert used[0] == pytest.approx(free, abs=3)
        assert length - 1 - used[-1] == pytest.approx(free, abs=3)


def test_letters_stand_apart() -> None:
    used = print_texture("placebo", 60, 9, 1.0).max(axis=0) > 0
    assert (np.diff(used.astype(int)) == 1).sum() == len("placebo")


def test_a_heavier_pen_leaves_more_ink() -> None:
    light, heavy = (print_texture("25", 60, weight, 1.0).sum() for weight in (6, 12))
    assert 1.6 * light < heavy < 2.2 * light


def test_a_character_without_a_glyph_is_an_error() -> None:
    with pytest.raises(KeyError, match="Q"):
        print_texture("Q", 60, 9, 1.0)
