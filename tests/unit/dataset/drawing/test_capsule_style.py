from dataclasses import replace

import numpy as np
import pytest

from capsule_inspect.dataset.drawing.capsule_style import CapsuleStyle
from capsule_inspect.dataset.drawing.choose_style import choose_style


def turned(strength: float, word: float) -> CapsuleStyle:
    style = choose_style(np.random.default_rng(0), 0.2, mvtec_like=True)
    return replace(
        style,
        strength=replace(style.strength, turn=strength),
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
