from dataclasses import replace

import numpy as np
import pytest

from capsule_inspect.drawing.canvas import Canvas
from capsule_inspect.drawing.shell import Flaw, Paint, Surface, colour_shell, render_capsule
from capsule_inspect.drawing.style import choose_style

CANVAS = Canvas.at(0.4)
DRAWN = choose_style(np.random.default_rng(5), CANVAS.pixels, mvtec_like=True)
STYLE = replace(
    DRAWN,
    dose=replace(DRAWN.dose, turn=0.0, rgb=(240.0, 240.0, 240.0)),
    word=replace(DRAWN.word, turn=3.0),
)
SURFACE = Surface(
    x=CANVAS.x,
    rise=np.clip(CANVAS.y / np.float32(140), -1, 1),
    radius=np.full_like(CANVAS.x, 140),
    on_dark=(CANVAS.x < 0).astype(np.float32),
)


def test_each_half_has_its_colour() -> None:
    shell = colour_shell(STYLE, CANVAS, SURFACE, Flaw())
    for channel, (dark, light) in enumerate(zip(STYLE.dark, STYLE.light, strict=True)):
        assert np.median(shell[channel][CANVAS.x < 0]) == pytest.approx(dark, rel=0.05)
        assert np.median(shell[channel][CANVAS.x > 0]) == pytest.approx(light, rel=0.05)


def test_the_dose_is_printed_where_it_says_and_the_hidden_word_is_not() -> None:
    printed = colour_shell(STYLE, CANVAS, SURFACE, Flaw())
    blank = np.zeros_like(STYLE.dose.texture)
    without = colour_shell(STYLE, CANVAS, SURFACE, Flaw(dose=blank))
    inked = np.abs(printed - without).max(axis=0) > 20
    assert CANVAS.x[inked].mean() == pytest.approx(STYLE.dose.x, abs=6)
    assert CANVAS.y[inked].mean() == pytest.approx(0, abs=6)
    seen = colour_shell(replace(STYLE, word=replace(STYLE.word, turn=0.0)), CANVAS, SURFACE, Flaw())
    lettered = np.abs(printed - seen).max(axis=0) > 20
    assert lettered[:, CANVAS.x[0] < 0].any()
    assert not lettered[:, CANVAS.x[0] > 0].any()


def test_the_last_paint_lies_on_top() -> None:
    cover = ((np.abs(CANVAS.x) < 30) & (np.abs(CANVAS.y) < 30)).astype(np.float32)
    paints = (Paint(cover, (255.0, 0.0, 0.0)), Paint(cover * np.float32(0.5), (0.0, 0.0, 255.0)))
    shell = colour_shell(STYLE, CANVAS, SURFACE, Flaw(paints=paints))
    assert shell[:, cover > 0].mean(axis=1) == pytest.approx([127.5, 0, 127.5])


BARE_STYLE = choose_style(np.random.default_rng(5), CANVAS.pixels, mvtec_like=True)


def test_the_outline_is_that_of_two_half_rounds() -> None:
    drawn = render_capsule(BARE_STYLE, CANVAS, Flaw())
    assert drawn.colours.shape == (3, *CANVAS.x.shape)
    assert 0 <= drawn.colours.min() < drawn.colours.max() <= 255
    along = CANVAS.x[drawn.cover > 0.5]
    assert along.min() == pytest.approx(-BARE_STYLE.half_length, abs=4)
    assert along.max() == pytest.approx(BARE_STYLE.half_length, abs=4)
    wide = drawn.cover > 0.5
    assert CANVAS.y[wide & (CANVAS.x < 0)].max() == pytest.approx(BARE_STYLE.dark_radius, abs=4)
    beyond = BARE_STYLE.seam + 20
    assert CANVAS.y[wide & (CANVAS.x > beyond)].max() == pytest.approx(
        BARE_STYLE.light_radius, abs=4
    )


def test_a_shift_moves_the_shell() -> None:
    moved = (np.full_like(CANVAS.x, 20.0), np.zeros_like(CANVAS.x))
    drawn = render_capsule(BARE_STYLE, CANVAS, Flaw(shift=moved))
    assert CANVAS.x[drawn.cover > 0.5].min() == pytest.approx(20 - BARE_STYLE.half_length, abs=4)


def test_a_relief_changes_the_light_and_not_the_outline() -> None:
    bump = 30 * np.exp(-np.square(CANVAS.x / 40) - np.square(CANVAS.y / 40)).astype(np.float32)
    clean, bumped = (
        render_capsule(BARE_STYLE, CANVAS, Flaw()),
        render_capsule(BARE_STYLE, CANVAS, Flaw(relief=bump)),
    )
    np.testing.assert_array_equal(clean.cover, bumped.cover)
    change = np.abs(clean.colours - bumped.colours).max(axis=0)
    assert change[np.hypot(CANVAS.x, CANVAS.y) < 60].max() > 20
    assert change[np.hypot(CANVAS.x, CANVAS.y) > 160].max() < 3


def test_the_lamp_lights_its_own_side() -> None:
    still = replace(BARE_STYLE, gloss=(replace(BARE_STYLE.gloss[0], strength=0.0),), horizon=0.0)
    upper, lower = (
        render_capsule(replace(still, lamp=(0.0, sign * 0.6, 0.8)), CANVAS, Flaw()).colours
        for sign in (-1, 1)
    )
    above = (CANVAS.y < -50) & (CANVAS.y > -100) & (np.abs(CANVAS.x) < 300)
    below = (CANVAS.y > 50) & (CANVAS.y < 100) & (np.abs(CANVAS.x) < 300)
    assert upper[0][above].mean() > lower[0][above].mean() + 10
    assert lower[0][below].mean() > upper[0][below].mean() + 10
