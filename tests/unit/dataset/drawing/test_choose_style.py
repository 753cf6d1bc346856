import numpy as np
import pytest

from capsule_inspect.dataset.drawing.capsule_style import CapsuleStyle
from capsule_inspect.dataset.drawing.choose_style import choose_style


def styles(mvtec_like: bool) -> list[CapsuleStyle]:
    return [choose_style(np.random.default_rng(seed), 0.2, mvtec_like) for seed in range(60)]


@pytest.mark.parametrize("mvtec_like", [True, False])
def test_a_style_keeps_to_its_ranges(mvtec_like: bool) -> None:
    for style in styles(mvtec_like):
        assert np.linalg.norm(style.lamp) == pytest.approx(1)
        assert style.lamp[2] > 0.8
        assert style.light_radius < style.dark_radius < style.half_length
        assert all(0 <= level <= 255 for level in (*style.dark, *style.light))
        assert 0 < style.ambient < 1
        # The word ends before the seam; the texture has a margin of 46 to 54 at both ends.
        length = style.word.texture.shape[1] / 0.2 - 2 * 54
        assert style.word.x + length / 2 < style.seam
        assert style.strength.x > style.seam


def test_mvtecs_capsules_look_alike_and_others_do_not() -> None:
    alike, varied = styles(True), styles(False)
    assert np.ptp([style.dark for style in alike], axis=0).max() <= 8
    assert np.ptp([style.dark for style in varied], axis=0).min() > 40
    assert {len(style.gloss) for style in alike} == {1}
    assert {len(style.gloss) for style in varied} == {2}
