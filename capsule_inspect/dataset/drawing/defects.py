"""The five defects that can be drawn."""

from collections.abc import Callable
from typing import Final

import numpy as np

from capsule_inspect.classes import GOOD
from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.capsule_style import CapsuleStyle
from capsule_inspect.dataset.drawing.crack import crack
from capsule_inspect.dataset.drawing.faulty_imprint import faulty_imprint
from capsule_inspect.dataset.drawing.flaw import Flaw
from capsule_inspect.dataset.drawing.poke import poke
from capsule_inspect.dataset.drawing.scratch import scratch
from capsule_inspect.dataset.drawing.squeeze import squeeze

_FLAWS: Final[dict[str, Callable[[CapsuleStyle, Canvas, np.random.Generator], Flaw]]] = {
    "crack": crack,
    "faulty_imprint": faulty_imprint,
    "poke": poke,
    "scratch": scratch,
    "squeeze": squeeze,
}

DEFECTS: Final = tuple(_FLAWS)
"""The classes of defects that can be drawn, sorted."""


def choose_flaw(label: str, style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Chooses what a defect does to a capsule.

    Args:
        label: `good`, which does nothing, or one of `DEFECTS`.
        style: How the capsule looks.
        canvas: The grid it is drawn on.
        rng: Decides.
    """
    if label == GOOD:
        return Flaw()
    return _FLAWS[label](style, canvas, rng)
