from dataclasses import replace

import numpy as np
import pytest

from capsule_inspect.drawing.style import CapsuleStyle, choose_style, mix, vary


def turned(dose: float, word: float) -> CapsuleStyle:
    style = choose_style(np.random.default_rng(0), 0.2, mvtec_like=True)
    return replace(
        style,
        dose=replace(style.dose, turn=dose),
        word=replace(style.word, turn=word),
    )


@pytest.mark.parametrize(("turn", "flank"), [(0.3, -1), (-0.3, 1), (1.4, -1)])
def test_the_free_flank_is_the_one_the_imprint_leaves(turn: float, flank: int) -> None:
    rng = np.random.default_rng(0)
    assert turned(turn, 0).free_flank(1, rng) == flank
    assert turned(0, turn).free_flank(-1, rng) == flank


@pytest.mark.parametrize("turn", [0.0, 0.05, 2.0, -3.0])
def test_either_flank_is_free_of_a_hidden_or_middling_imprint(turn: float) -> None:
    rng = np.random.default_rng(0)
    assert {turned(turn, 0.3).free_flank(1, rng) for _ in range(40)} == {-1, 1}


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
        assert style.dose.x > style.seam


def test_mvtecs_capsules_look_alike_and_others_do_not() -> None:
    alike, varied = styles(True), styles(False)
    assert np.ptp([style.dark for style in alike], axis=0).max() <= 8
    assert np.ptp([style.dark for style in varied], axis=0).min() > 40
    assert {len(style.gloss) for style in alike} == {1}
    assert {len(style.gloss) for style in varied} == {2}


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
