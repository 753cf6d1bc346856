from dataclasses import replace

import numpy as np
import pytest

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.choose_style import choose_style
from capsule_inspect.dataset.drawing.flaw import Flaw
from capsule_inspect.dataset.drawing.render import render

CANVAS = Canvas.at(0.4)
STYLE = choose_style(np.random.default_rng(5), CANVAS.pixels, mvtec_like=True)


def test_the_outline_is_that_of_two_half_rounds() -> None:
    drawn = render(STYLE, CANVAS, Flaw())
    assert drawn.colours.shape == (3, *CANVAS.x.shape)
    assert 0 <= drawn.colours.min() < drawn.colours.max() <= 255
    along = CANVAS.x[drawn.cover > 0.5]
    assert along.min() == pytest.approx(-STYLE.half_length, abs=4)
    assert along.max() == pytest.approx(STYLE.half_length, abs=4)
    wide = drawn.cover > 0.5
    assert CANVAS.y[wide & (CANVAS.x < 0)].max() == pytest.approx(STYLE.dark_radius, abs=4)
    beyond = STYLE.seam + 20
    assert CANVAS.y[wide & (CANVAS.x > beyond)].max() == pytest.approx(STYLE.light_radius, abs=4)


def test_a_shift_moves_the_shell() -> None:
    moved = (np.full_like(CANVAS.x, 20.0), np.zeros_like(CANVAS.x))
    drawn = render(STYLE, CANVAS, Flaw(shift=moved))
    assert CANVAS.x[drawn.cover > 0.5].min() == pytest.approx(20 - STYLE.half_length, abs=4)


def test_a_relief_changes_the_light_and_not_the_outline() -> None:
    bump = 30 * np.exp(-np.square(CANVAS.x / 40) - np.square(CANVAS.y / 40)).astype(np.float32)
    clean, bumped = render(STYLE, CANVAS, Flaw()), render(STYLE, CANVAS, Flaw(relief=bump))
    np.testing.assert_array_equal(clean.cover, bumped.cover)
    change = np.abs(clean.colours - bumped.colours).max(axis=0)
    assert change[np.hypot(CANVAS.x, CANVAS.y) < 60].max() > 20
    assert change[np.hypot(CANVAS.x, CANVAS.y) > 160].max() < 3


def test_the_lamp_lights_its_own_side() -> None:
    still = replace(STYLE, gloss=(replace(STYLE.gloss[0], strength=0.0),), horizon=0.0)
    upper, lower = (
        render(replace(still, lamp=(0.0, sign * 0.6, 0.8)), CANVAS, Flaw()).colours
        for sign in (-1, 1)
    )
    above = (CANVAS.y < -50) & (CANVAS.y > -100) & (np.abs(CANVAS.x) < 300)
    below = (CANVAS.y > 50) & (CANVAS.y < 100) & (np.abs(CANVAS.x) < 300)
    assert upper[0][above].mean() > lower[0][above].mean() + 10
    assert lower[0][below].mean() > upper[0][below].mean() + 10
