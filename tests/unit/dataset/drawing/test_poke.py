import cv2
import numpy as np
import pytest

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.choose_style import choose_style
from capsule_inspect.dataset.drawing.poke import poke

CANVAS = Canvas.at(0.5)
STYLE = choose_style(np.random.default_rng(0), CANVAS.pixels, mvtec_like=True)


def test_a_poke_is_one_roundish_hole_in_a_dent() -> None:
    for seed in range(20):
        flaw = poke(STYLE, CANVAS, np.random.default_rng(seed))
        hole = (flaw.paints[1].cover > 0.5).astype(np.uint8)
        assert cv2.connectedComponents(hole)[0] == 2
        _, sides, _ = cv2.minAreaRect(np.asarray(cv2.findNonZero(hole)))
        assert max(sides) < 2.5 * min(sides)
        assert 24 < np.mean(sides) / CANVAS.pixels < 110
        assert flaw.relief is not None
        assert flaw.relief.max() <= 0
        deepest = np.unravel_index(flaw.relief.argmin(), flaw.relief.shape)
        rows, columns = np.nonzero(hole)
        reach = 40 * CANVAS.pixels
        assert deepest == pytest.approx((rows.mean(), columns.mean()), abs=reach)
