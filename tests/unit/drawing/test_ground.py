import numpy as np
import pytest

from capsule_inspect.drawing.canvas import Canvas, Pose
from capsule_inspect.drawing.ground import draw_ground, sensor_noise, shadow
from capsule_inspect.drawing.shell import Rendering

SIZE = 200


def test_the_paper_is_pale_and_nearly_even() -> None:
    for seed in range(8):
        tint, light = draw_ground(np.random.default_rng(seed), SIZE)
        assert light.shape == (SIZE, SIZE)
        assert light.dtype == np.float32
        assert all(184 < level < 220 for level in tint)
        assert np.ptp(tint) < 12
        assert np.median(light) == pytest.approx(1, abs=0.05)


def test_the_noise_is_centred_and_partly_common() -> None:
    red, green, blue = sensor_noise(np.random.default_rng(0), 2 * SIZE)
    assert red.shape == (2 * SIZE, 2 * SIZE)
    for plane in (red, green, blue):
        assert plane.mean() == pytest.approx(0, abs=0.05)
        assert 0.9 < plane.std() < 3
    assert 0.5 < np.corrcoef(red.ravel(), green.ravel())[0, 1] < 0.95


@pytest.mark.parametrize(("level", "least"), [(0.0, 0.06), (255.0, 0.03)])
def test_a_shadow_is_darkest_below_and_gone_far_away(level: float, least: float) -> None:
    canvas = Canvas.at(0.1)
    cover = (np.hypot(canvas.x / 3, canvas.y) < 120).astype(np.float32)
    capsule = Rendering(np.full((3, *cover.shape), level, np.float32), cover)
    place = Pose(0.5, 0.0, (0.0, 0.0)).placement(canvas, SIZE)
    for left in shadow(capsule, place, SIZE, np.random.default_rng(0)):
        assert left.shape == (SIZE, SIZE)
        assert 1 - left[SIZE // 2, SIZE // 2] > least
        assert left[:4, :4] == pytest.approx(1, abs=0.01)
        assert left.min() > 0.5
