import numpy as np

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.choose_style import choose_style
from capsule_inspect.dataset.drawing.squeeze import squeeze

CANVAS = Canvas.at(0.25)


def test_the_shell_moves_within_the_canvas_and_bends_where_its_extent_says() -> None:
    style = choose_style(np.random.default_rng(0), CANVAS.pixels, mvtec_like=True)
    for seed in range(30):
        flaw = squeeze(style, CANVAS, np.random.default_rng(seed))
        assert flaw.shift is not None
        assert flaw.relief is not None
        assert flaw.extent is not None
        moved = np.hypot(*flaw.shift)
        # 130 nominal pixels are the most that the lettering allows for.
        assert 20 < moved[np.abs(CANVAS.y) < 140].max() < 130
        assert np.abs(flaw.relief).max() > 8
        outside = flaw.extent == 0
        assert outside.any()
        assert moved[outside].max() < 3
        assert np.abs(flaw.relief[outside]).max() < 3
