from dataclasses import replace

import numpy as np
import pytest

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.choose_style import choose_style
from capsule_inspect.dataset.drawing.flaw import Flaw, Paint
from capsule_inspect.dataset.drawing.shell import Surface, colour_shell

CANVAS = Canvas.at(0.4)
DRAWN = choose_style(np.random.default_rng(5), CANVAS.pixels, mvtec_like=True)
STYLE = replace(
    DRAWN,
    strength=replace(DRAWN.strength, turn=0.0, rgb=(240.0, 240.0, 240.0)),
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


def test_the_strength_is_printed_where_it_says_and_the_hidden_word_is_not() -> None:
    printed = colour_shell(STYLE, CANVAS, SURFACE, Flaw())
    blank = np.zeros_like(STYLE.strength.texture)
    without = colour_shell(STYLE, CANVAS, SURFACE, Flaw(strength=blank))
    inked = np.abs(printed - without).max(axis=0) > 20
    assert CANVAS.x[inked].mean() == pytest.approx(STYLE.strength.x, abs=6)
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
