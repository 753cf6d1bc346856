"""What each defect may do to the shell: ink, colour or form, and nothing else."""

import numpy as np
import pytest

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.choose_style import choose_style
from capsule_inspect.dataset.drawing.defects import DEFECTS, choose_flaw
from capsule_inspect.dataset.drawing.flaw import Flaw

CANVAS = Canvas.at(0.25)


def flaw_of(label: str, seed: int) -> Flaw:
    style = choose_style(np.random.default_rng(seed), CANVAS.pixels, mvtec_like=False)
    return choose_flaw(label, style, CANVAS, np.random.default_rng(seed))


def test_the_defects_are_sorted() -> None:
    assert tuple(sorted(DEFECTS)) == DEFECTS


def test_a_good_capsule_has_no_flaw() -> None:
    assert flaw_of("good", 0) == Flaw()


@pytest.mark.parametrize(
    ("label", "means"),
    [
        ("crack", {"relief", "paints"}),
        ("faulty_imprint", {"strength"}),
        ("poke", {"relief", "paints"}),
        ("scratch", {"paints"}),
        ("squeeze", {"shift", "relief", "extent"}),
    ],
)
def test_each_defect_has_its_means(label: str, means: set[str]) -> None:
    for seed in range(8):
        flaw = flaw_of(label, seed)
        parts = ("shift", "relief", "paints", "strength", "extent")
        used = {part for part in parts if getattr(flaw, part) is not getattr(Flaw(), part)}
        assert used == means
        for paint in flaw.paints:
            assert paint.cover.shape == CANVAS.x.shape
            assert paint.cover.min() >= 0
            assert 0 < paint.cover.max() <= 1
