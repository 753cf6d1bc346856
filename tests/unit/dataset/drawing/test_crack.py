import cv2
import numpy as np

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.choose_style import choose_style
from capsule_inspect.dataset.drawing.crack import crack

CANVAS = Canvas.at(0.5)
STYLE = choose_style(np.random.default_rng(0), CANVAS.pixels, mvtec_like=True)


def test_a_crack_is_one_long_opening_with_lips_around() -> None:
    for seed in range(20):
        lips, opening, _ = crack(STYLE, CANVAS, np.random.default_rng(seed)).paints
        inside = (opening.cover > 0.1).astype(np.uint8)
        parts, _ = cv2.connectedComponents(inside)
        assert parts <= 4  # the ground, the crack, and seldom a tip that thins out
        _, sides, _ = cv2.minAreaRect(np.asarray(cv2.findNonZero(inside)))
        assert 80 < max(sides) / CANVAS.pixels < 330
        assert inside.sum() / CANVAS.pixels**2 < 12 * 460
        assert lips.cover[inside > 0].min() > 0
        assert (lips.cover > 0).sum() > 1.2 * inside.sum()
