"""Crushed capsules: the outline pushed in or pinched out, with creases between facets."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.drawing.canvas import Canvas, Plane
from capsule_inspect.dataset.drawing.capsule_style import CapsuleStyle
from capsule_inspect.dataset.drawing.flaw import Flaw
from capsule_inspect.dataset.drawing.shapes import soft

_AnyPlane = NDArray[np.floating]


def squeeze(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """The shell crushed: its outline pushed in, or pinched out, with creases between facets."""
    kind = str(rng.choice(["dent", "pinch", "end"], p=[0.4, 0.3, 0.3]))
    return _KINDS[kind](style, canvas, rng)


def _dent(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """One flank pushed towards the axis."""
    flank = float(rng.choice([-1.0, 1.0]))
    at = float(rng.choice([-1.0, 1.0])) * rng.uniform(120.0, 260.0)
    reach, depth = rng.uniform(95.0, 150.0), rng.uniform(48.0, 70.0)
    tent = _tent(canvas, at, reach, rng)
    near = np.clip((canvas.y * flank + 20.0) / style.light_radius, 0.0, 1.4)
    shift = -flank * depth * tent * near
    hollow = np.minimum(tent, np.clip((canvas.y * flank + 35.0) / 60.0, 0.0, 1.0))
    relief = -rng.uniform(38.0, 52.0) * hollow
    return _deformed(canvas, np.zeros_like(shift), shift, relief)


def _pinch(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Pressed flat across the axis: both flanks stand out at one sharp crease."""
    at = float(rng.choice([-1.0, 1.0])) * rng.uniform(110.0, 230.0)
    reach = rng.uniform(110.0, 160.0)
    tent = _tent(canvas, at, reach, rng)
    out = rng.uniform(0.24, 0.32)
    shift = canvas.y * (out * tent) / (1.0 + out * tent)
    diamond = np.clip(tent - 0.55 * np.abs(canvas.y) / style.light_radius, 0.0, 1.0)
    relief = float(rng.choice([-1.0, 1.0])) * rng.uniform(45.0, 60.0) * diamond - 12.0 * tent
    return _deformed(canvas, np.zeros_like(shift), shift, relief)


def _end(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """One end crushed in, askew."""
    side = float(rng.choice([-1.0, 1.0]))
    tilt = float(rng.choice([-1.0, 1.0])) * rng.uniform(0.25, 0.8)
    depth = rng.uniform(60.0, 95.0)
    beyond = side * canvas.x - (style.half_length - 150.0) + tilt * canvas.y
    push = np.clip(beyond / 150.0, 0.0, 1.3)
    shift = -side * depth * push
    crease = np.abs(beyond - rng.uniform(55.0, 75.0)) / 45.0
    relief = -rng.uniform(22.0, 32.0) * np.clip(1.0 - crease, 0.0, 1.0) * np.clip(push * 3, 0, 1)
    fold = np.abs(canvas.y - rng.uniform(-50.0, 50.0)) / 40.0
    relief = relief - 16.0 * np.clip(1.0 - fold, 0.0, 1.0) * np.clip(push * 1.5, 0.0, 1.0)
    return _deformed(canvas, shift, np.zeros_like(shift), relief)


def _tent(canvas: Canvas, at: float, reach: float, rng: np.random.Generator) -> Plane:
    """1 at a ridge across the capsule, straight down to 0 on both sides, seldom evenly."""
    skew = float(rng.choice([-1.0, 1.0])) * rng.uniform(0.0, 0.45)
    away = canvas.x - at - rng.uniform(-0.3, 0.3) * canvas.y
    slope = np.where(away > 0.0, 1.0 / (reach * (1.0 + skew)), 1.0 / (reach * (1.0 - skew)))
    tent: Plane = np.clip(1.0 - np.abs(away) * slope, 0.0, 1.0).astype(np.float32)
    return soft(tent, canvas, rng.uniform(1.0, 14.0))


def _deformed(canvas: Canvas, dx: _AnyPlane, dy: _AnyPlane, relief: _AnyPlane) -> Flaw:
    """A flaw of a moved and folded shell; where either is plain to see is its extent."""
    moved = (dx.astype(np.float32), dy.astype(np.float32))
    bent = soft(relief.astype(np.float32), canvas, 2.0)
    extent = (np.hypot(*moved) >= 3.0) | (np.abs(bent) >= 3.0)
    return Flaw(shift=moved, relief=bent, extent=extent.astype(np.float32), join=10.0)


_KINDS: Final[dict[str, Callable[[CapsuleStyle, Canvas, np.random.Generator], Flaw]]] = {
    "dent": _dent,
    "pinch": _pinch,
    "end": _end,
}
