import numpy as np

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.choose_style import choose_style
from capsule_inspect.dataset.drawing.faulty_imprint import faulty_imprint

CANVAS = Canvas.at(0.4)


def test_ink_is_missing_added_or_moved_but_the_strip_stays() -> None:
    balances = []
    for seed in range(40):
        style = choose_style(np.random.default_rng(seed), CANVAS.pixels, mvtec_like=False)
        ink = style.strength.texture
        spoilt = faulty_imprint(style, CANVAS, np.random.default_rng(seed)).strength
        assert spoilt is not None
        assert spoilt.shape == ink.shape
        assert spoilt.dtype == ink.dtype == np.float32
        assert -1e-5 < spoilt.min() <= spoilt.max() < 1 + 1e-5
        assert np.abs(spoilt - ink).max() > 0.5
        balances.append(float(spoilt.sum() / ink.sum()))
    assert 0.0 in balances  # all of it missing
    assert any(0 < balance < 0.95 for balance in balances)  # scraped
    assert any(balance > 1.1 for balance in balances)  # blotted
