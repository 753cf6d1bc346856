"""Cracks in drawn capsules."""

import numpy as np

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.capsule_style import CapsuleStyle
from capsule_inspect.dataset.drawing.colour import POWDER, Rgb
from capsule_inspect.dataset.drawing.flaw import Flaw, Paint
from capsule_inspect.dataset.drawing.shapes import fill, grains, jagged, ribbon, soft


def crack(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """A jagged opening, wide in the middle, powder inside, dark lips, sometimes branching."""
    on_dark = rng.random() < 0.45
    side = -1.0 if on_dark else 1.0
    length = rng.uniform(170.0, 300.0)
    if rng.random() < 0.3:
        # Down the end of the capsule, across its axis.
        start = np.array([side * rng.uniform(340.0, 375.0), rng.uniform(-100.0, -80.0)])
        heading, length = np.pi / 2, rng.uniform(160.0, 200.0)
    else:
        flank = style.free_flank(side, rng)
        start = np.array([side * rng.uniform(40.0, 110.0), flank * rng.uniform(62.0, 98.0)])
        heading = (0.0 if side > 0 else np.pi) + rng.uniform(-0.12, 0.12)
    width = rng.uniform(6.0, 11.0)
    path = jagged(start, heading, length, rng)
    gaps = [ribbon(path, width, rng)]
    for _ in range(int(rng.integers(1, 3))):
        at = int(rng.integers(3, len(path) - 3))
        turned = heading + float(rng.choice([-1.0, 1.0])) * rng.uniform(0.5, 1.0)
        gaps.append(
            ribbon(jagged(path[at], turned, rng.uniform(40.0, 80.0), rng), 0.5 * width, rng)
        )
    inside = fill(canvas, gaps)
    lips = fill(canvas, gaps, grow=5.0)
    depth = soft(inside, canvas, 3.0)
    lip: Rgb = (205.0, 200.0, 195.0) if on_dark else (58.0, 26.0, 22.0)
    return Flaw(
        relief=np.float32(-10.0) * depth,
        paints=(
            Paint(lips * np.float32(0.85), lip),
            Paint(inside, (30.0, 20.0, 18.0) if not on_dark else POWDER),
            Paint(inside * grains(canvas, rng, 22.0, rng.uniform(-0.6, 0.8)), POWDER),
        ),
        join=8.0,
    )
