"""The five defects of drawn capsules, as what they do to a shell."""

from collections.abc import Callable
from typing import Final

import numpy as np

from capsule_inspect.classes import GOOD
from capsule_inspect.dataset.draw_body import Canvas, Flaw, Look, Paint, Rgb, mix
from capsule_inspect.dataset.draw_ink import faulty_imprint
from capsule_inspect.dataset.draw_shapes import blob, fill, grains, jagged, ribbon, soft
from capsule_inspect.dataset.draw_squeeze import squeeze

_POWDER: Final[Rgb] = (236.0, 230.0, 218.0)


def draw_flaw(label: str, look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Chooses what a defect does to a capsule; `good` does nothing."""
    if label == GOOD:
        return Flaw()
    return _FLAWS[label](look, canvas, rng)


def _crack(look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """A jagged opening, wide in the middle, powder inside, dark lips, sometimes branching."""
    on_dark = rng.random() < 0.45
    side = -1.0 if on_dark else 1.0
    length = rng.uniform(170.0, 300.0)
    if rng.random() < 0.3:
        # Down the end of the capsule, across its axis.
        start = np.array([side * rng.uniform(340.0, 375.0), rng.uniform(-100.0, -80.0)])
        heading, length = np.pi / 2, rng.uniform(160.0, 200.0)
    else:
        flank = _free_flank(look, side, rng)
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
            Paint(inside, (30.0, 20.0, 18.0) if not on_dark else _POWDER),
            Paint(inside * grains(canvas, rng, 22.0, rng.uniform(-0.6, 0.8)), _POWDER),
        ),
        join=8.0,
    )


def _poke(look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """A hole punched through: dark inside with powder, a torn pale rim, a dent around it."""
    on_dark = rng.random() < 0.45
    side = -1.0 if on_dark else 1.0
    centre = np.array([side * rng.uniform(60.0, 330.0), rng.uniform(-75.0, 75.0)])
    size = rng.uniform(24.0, 36.0)
    hole = blob(centre, size, 0.28, rng)
    torn = blob(centre, size * rng.uniform(1.35, 1.6), 0.3, rng)
    base = look.dark if on_dark else look.light
    pale = mix(base, _POWDER, 0.55)
    powder = rng.uniform(-0.4, 1.2)
    inside, rim = fill(canvas, [hole]), fill(canvas, [torn])
    return Flaw(
        relief=np.float32(-14.0) * soft(rim, canvas, 9.0),
        paints=(
            Paint(rim * np.float32(0.8) * grains(canvas, rng, 6.0, -0.8), pale),
            Paint(inside, mix(base, (10.0, 8.0, 8.0), 0.88)),
            Paint(inside * grains(canvas, rng, rng.uniform(4.0, 7.0), powder), _POWDER),
        ),
        join=16.0,
    )


def _scratch(look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """A bundle of fine strokes, nearly parallel, paler than the shell."""
    on_dark = rng.random() < 0.4
    side = -1.0 if on_dark else 1.0
    flank = _free_flank(look, side, rng)
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
    base = look.dark if on_dark else look.light
    scuff = mix(base, (244.0, 232.0, 222.0), 0.62)
    worn = np.float32(0.75) + np.float32(0.25) * grains(canvas, rng, 5.0, 0.0)
    return Flaw(paints=(Paint(strokes * worn, scuff),), join=18.0)


def _free_flank(look: Look, side: float, rng: np.random.Generator) -> float:
    """Which flank of a half, -1 or 1: the one its imprint leaves free, if it shows one."""
    turn = look.strength.turn if side > 0.0 else look.word.turn
    if 0.1 < abs(turn) < 1.5:
        return -float(np.sign(turn))
    return float(rng.choice([-1.0, 1.0]))


_FLAWS: Final[dict[str, Callable[[Look, Canvas, np.random.Generator], Flaw]]] = {
    "crack": _crack,
    "faulty_imprint": faulty_imprint,
    "poke": _poke,
    "scratch": _scratch,
    "squeeze": squeeze,
}
