"""Scratches on drawn capsules."""

import numpy as np

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.capsule_style import CapsuleStyle
from capsule_inspect.dataset.drawing.colour import mix
from capsule_inspect.dataset.drawing.flaw import Flaw, Paint
from capsule_inspect.dataset.drawing.shapes import fill, grains, ribbon


def scratch(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """A bundle of fine strokes, nearly parallel, paler than the shell."""
    on_dark = rng.random() < 0.4
    side = -1.0 if on_dark else 1.0
    flank = style.free_flank(side, rng)
    centre = np.array([side * rng.uniform(110.0, 290.0), flank * rng.uniform(48.0, 78.0)])
    heading = rng.uniform(-0.35, 0.35) if rng.random() < 0.65 else rng.uniform(0.0, np.pi)
    along = np.array([np.cos(heading), np.sin(heading)])
    across = np.array([-along[1], along[0]])
    reach, breadth = rng.uniform(60.0, 105.0), rng.uniform(18.0, 32.0)
    bend = rng.uniform(-0.0015, 0.0015)
    steps = np.linspace(-1.0, 1.0, 16)
    ribbons = []
    for _ in range(int(rng.integers(14, 24))):
        half = reach * rng.uniform(0.35, 1.0)
        middle = rng.uniform(-0.45, 0.45) * (reach - half) + steps * half
        offset = rng.normal(0.0, 0.5) * breadth + rng.normal(0.0, 0.06) * middle
        offset = offset + bend * middle * middle + np.cumsum(rng.normal(0.0, 0.35, len(steps)))
        path = centre + middle[:, None] * along + offset[:, None] * across
        ribbons.append(ribbon(path, rng.uniform(1.0, 2.2), rng))
    strokes = fill(canvas, ribbons)
    base = style.dark if on_dark else style.light
    scuff = mix(base, (244.0, 232.0, 222.0), 0.62)
    worn = np.float32(0.75) + np.float32(0.25) * grains(canvas, rng, 5.0, 0.0)
    return Flaw(paints=(Paint(strokes * worn, scuff),), join=18.0)
