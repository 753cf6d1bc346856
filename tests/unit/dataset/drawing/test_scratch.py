import cv2
import numpy as np

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.choose_style import choose_style
from capsule_inspect.dataset.drawing.scratch import scratch

CANVAS = Canvas.at(1.0)
STYLE = choose_style(np.random.default_rng(0), CANVAS.pixels, mvtec_like=True)


def test_a_scratch_is_a_bundle_of_fine_strokes_paler_than_the_shell() -> None:
    for seed in range(20):
        (paint,) = scratch(STYLE, CANVAS, np.random.default_rng(seed)).paints
        strokes = (paint.cover > 0.3).astype(np.uint8)
        # Neither a stroke nor a few that cross are wide enough to outlast this.
        assert cv2.erode(strokes, np.ones((15, 15), np.uint8)).sum() < 0.1 * strokes.sum()
        _, sides, _ = cv2.minAreaRect(np.asarray(cv2.findNonZero(strokes)))
        assert 60 < max(sides) < 260
        assert sum(paint.rgb) > max(sum(STYLE.dark), sum(STYLE.light))
