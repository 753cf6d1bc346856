"""Holes poked into drawn capsules."""

import numpy as np

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.capsule_style import CapsuleStyle
from capsule_inspect.dataset.drawing.colour import POWDER, mix
from capsule_inspect.dataset.drawing.flaw import Flaw, Paint
from capsule_inspect.dataset.drawing.shapes import blob, fill, grains, soft


def poke(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """A hole punched through: dark inside with powder, a torn pale rim, a dent around it."""
    on_dark = rng.random() < 0.45
    side = -1.0 if on_dark else 1.0
    centre = np.array([side * rng.uniform(60.0, 330.0), rng.uniform(-75.0, 75.0)])
    size = rng.uniform(24.0, 36.0)
    hole = blob(centre, size, 0.28, rng)
    torn = blob(centre, size * rng.uniform(1.35, 1.6), 0.3, rng)
    base = style.dark if on_dark else style.light
    pale = mix(base, POWDER, 0.55)
    powder = rng.uniform(-0.4, 1.2)
    inside, rim = fill(canvas, [hole]), fill(canvas, [torn])
    return Flaw(
        relief=np.float32(-14.0) * soft(rim, canvas, 9.0),
        paints=(
            Paint(rim * np.float32(0.8) * grains(canvas, rng, 6.0, -0.8), pale),
            Paint(inside, mix(base, (10.0, 8.0, 8.0), 0.88)),
            Paint(inside * grains(canvas, rng, rng.uniform(4.0, 7.0), powder), POWDER),
        ),
        join=16.0,
    )
