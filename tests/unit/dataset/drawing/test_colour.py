import numpy as np
import pytest

from capsule_inspect.dataset.drawing.colour import mix, vary


def test_a_mix_lies_between_the_colours() -> None:
    assert mix((0, 100, 200), (100, 100, 0), 0.25) == pytest.approx((25, 100, 150))
    assert mix((10, 20, 30), (0, 0, 0), 0) == (10, 20, 30)


def test_a_varied_colour_stays_near_and_off_the_ends() -> None:
    rng = np.random.default_rng(0)
    varied = np.array([vary(rng, (10, 120, 250), 8) for _ in range(200)])
    assert np.abs(varied[:, 1] - 120).max() <= 8
    assert np.ptp(varied[:, 1]) > 12
    assert varied.min() == 12
    assert varied.max() == 240
