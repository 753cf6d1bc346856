"""The five defects of drawn capsules, as what they do to a shell."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.draw_body import Canvas, Field, Flaw, Imprint, Look, Paint, Rgb, mix
from capsule_inspect.dataset.draw_imprint import Texture

_POWDER: Final[Rgb] = (236.0, 230.0, 218.0)
_SUBPIXEL_BITS = 4
_Points = NDArray[np.float64]


def draw_flaw(label: str, look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Choose what a defect does to a capsule; `good` does nothing."""
    if label == "good":
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
        flank = _away_from_strength(look, side, rng)
        start = np.array([side * rng.uniform(40.0, 110.0), flank * rng.uniform(62.0, 98.0)])
        heading = (0.0 if side > 0 else np.pi) + rng.uniform(-0.12, 0.12)
    width = rng.uniform(6.0, 11.0)
    path = _jagged(start, heading, length, rng)
    gaps = [_ribbon(path, width, rng)]
    for _ in range(int(rng.integers(1, 3))):
        at = int(rng.integers(3, len(path) - 3))
        turned = heading + float(rng.choice([-1.0, 1.0])) * rng.uniform(0.5, 1.0)
        gaps.append(
            _ribbon(_jagged(path[at], turned, rng.uniform(40.0, 80.0), rng), 0.5 * width, rng)
        )
    inside = _fill(canvas, gaps)
    lips = _fill(canvas, gaps, grow=5.0)
    depth = _soft(inside, canvas, 3.0)
    lip: Rgb = (205.0, 200.0, 195.0) if on_dark else (58.0, 26.0, 22.0)
    return Flaw(
        relief=np.float32(-10.0) * depth,
        paints=(
            Paint(lips * np.float32(0.85), lip),
            Paint(inside, (30.0, 20.0, 18.0) if not on_dark else _POWDER),
            Paint(inside * _grains(canvas, rng, 22.0, rng.uniform(-0.6, 0.8)), _POWDER),
        ),
        join=8.0,
    )


def _poke(look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """A hole punched through: dark inside with powder, a torn pale rim, a dent around it."""
    on_dark = rng.random() < 0.45
    side = -1.0 if on_dark else 1.0
    centre = np.array([side * rng.uniform(60.0, 330.0), rng.uniform(-75.0, 75.0)])
    size = rng.uniform(24.0, 36.0)
    hole = _blob(centre, size, 0.28, rng)
    torn = _blob(centre, size * rng.uniform(1.35, 1.6), 0.3, rng)
    base = look.dark if on_dark else look.light
    pale = mix(base, _POWDER, 0.55)
    inside, rim = _fill(canvas, [hole]), _fill(canvas, [torn])
    return Flaw(
        relief=np.float32(-14.0) * _soft(rim, canvas, 9.0),
        paints=(
            Paint(rim * np.float32(0.8) * _grains(canvas, rng, 6.0, -0.8), pale),
            Paint(inside, (22.0, 16.0, 15.0)),
            Paint(inside * _grains(canvas, rng, 10.0, rng.uniform(-0.3, 0.9)), _POWDER),
        ),
        join=16.0,
    )


def _scratch(look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """A bundle of fine strokes, nearly parallel, paler than the shell."""
    on_dark = rng.random() < 0.4
    side = -1.0 if on_dark else 1.0
    flank = _away_from_strength(look, side, rng)
    centre = np.array([side * rng.uniform(110.0, 290.0), flank * rng.uniform(35.0, 75.0)])
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
        ribbons.append(_ribbon(path, rng.uniform(1.0, 2.2), rng))
    strokes = _fill(canvas, ribbons)
    base = look.dark if on_dark else look.light
    scuff = mix(base, (244.0, 232.0, 222.0), 0.62)
    worn = np.float32(0.75) + np.float32(0.25) * _grains(canvas, rng, 5.0, 0.0)
    return Flaw(paints=(Paint(strokes * worn, scuff),), join=18.0)


def _faulty_imprint(look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """The strength's ink missing, scraped, smeared or blotted."""
    ink = look.strength.texture
    kind = rng.choice(["missing", "scraped", "smeared", "blotted"], p=[0.2, 0.35, 0.2, 0.25])
    if kind == "missing":
        keep = np.zeros_like(ink)
        return Flaw(strength=keep, join=40.0)
    # Wide enough to fill the hollow of a letter under a blot.
    join = 16.0 if kind == "scraped" else 30.0
    spoilt = _SPOIL[str(kind)](ink, look.strength, canvas.pixels, rng)
    return Flaw(strength=spoilt, join=join)


def _scraped(ink: Texture, _: Imprint, pixels: float, rng: np.random.Generator) -> Texture:
    """Most of the ink of one or two letters gone, in streaks."""
    left, right, unit = _letter_span(ink, rng, 2 if rng.random() < 0.4 else 1)
    keep = np.ones_like(ink)
    streaks = rng.random(max(2, int((right - left) / (4.0 * pixels)))) < 0.28
    bars = cv2.resize(
        streaks.astype(np.float32)[None, :], (right - left, ink.shape[0]), interpolation=1
    )
    slanted = np.array([[1.0, rng.uniform(-0.25, 0.25), 0.0], [0.0, 1.0, 0.0]], np.float32)
    size = (right - left, ink.shape[0])
    keep[:, left:right] = cv2.warpAffine(bars, slanted, size, borderMode=cv2.BORDER_REFLECT)
    holes = rng.random((8, ink.shape[1] // max(1, unit // 3) + 1)).astype(np.float32)
    patches = cv2.resize(holes, (ink.shape[1], ink.shape[0]), interpolation=cv2.INTER_CUBIC)
    keep[:, left:right] *= (patches[:, left:right] > 0.3).astype(np.float32)
    return ink * keep


def _smeared(ink: Texture, _: Imprint, pixels: float, rng: np.random.Generator) -> Texture:
    """The ink dragged sideways while wet, over half the text or all of it."""
    left, right, unit = _letter_span(ink, rng, 2)
    drag = max(5, round(rng.uniform(40.0, 60.0) * pixels)) | 1
    kernel = np.zeros((drag, drag), np.float32)
    kernel[np.arange(drag), np.arange(drag)] = 1.0 / drag
    if rng.random() < 0.5:
        kernel = kernel[::-1].copy()
    wet = cv2.filter2D(ink, -1, kernel)
    where = np.zeros_like(ink)
    where[:, max(0, left - unit) : right + unit] = 1.0
    where = cv2.GaussianBlur(where, (0, 0), 4.0 * pixels + 0.5)
    streaked = np.minimum(1.6 * wet, 1.0).astype(np.float32)
    return ink + where * (streaked - ink)


def _blotted(ink: Texture, _: Imprint, pixels: float, rng: np.random.Generator) -> Texture:
    """A blob of ink over a letter, with a few splashes."""
    left, right, unit = _letter_span(ink, rng, 1)
    middle = np.array([(left + right) / 2, ink.shape[0] / 2 + rng.uniform(-1.0, 1.0) * unit])
    canvas = np.zeros(ink.shape, np.uint8)
    blobs = [_blob(middle, rng.uniform(30.0, 40.0) * pixels, 0.2, rng)]
    for _ in range(int(rng.integers(2, 5))):
        away = middle + rng.normal(0.0, 26.0, 2) * pixels
        blobs.append(_blob(away, rng.uniform(5.0, 10.0) * pixels, 0.2, rng))
    for blob in blobs:
        cv2.fillPoly(canvas, [_fixed(blob)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    return np.maximum(ink, canvas.astype(np.float32) / np.float32(255.0))


def _squeeze(look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """The shell crushed: its outline pushed in, or pinched out, with creases between facets."""
    kind = str(rng.choice(["dent", "pinch", "end"], p=[0.4, 0.3, 0.3]))
    return _SQUEEZES[kind](look, canvas, rng)


def _dent(look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """One flank pushed towards the axis."""
    flank = float(rng.choice([-1.0, 1.0]))
    at = float(rng.choice([-1.0, 1.0])) * rng.uniform(120.0, 260.0)
    reach, depth = rng.uniform(95.0, 150.0), rng.uniform(48.0, 70.0)
    tent = _tent(canvas, at, reach, rng)
    near = np.clip((canvas.y * flank + 20.0) / look.light_radius, 0.0, 1.4)
    shift = -flank * depth * tent * near
    hollow = np.minimum(tent, np.clip((canvas.y * flank + 35.0) / 60.0, 0.0, 1.0))
    relief = -rng.uniform(38.0, 52.0) * hollow
    return _deformed(canvas, np.zeros_like(shift), shift, relief)


def _pinch(look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Pressed flat across the axis: both flanks stand out at one sharp crease."""
    at = float(rng.choice([-1.0, 1.0])) * rng.uniform(110.0, 230.0)
    reach = rng.uniform(110.0, 160.0)
    tent = _tent(canvas, at, reach, rng)
    out = rng.uniform(0.26, 0.36)
    shift = canvas.y * (out * tent) / (1.0 + out * tent)
    diamond = np.clip(tent - 0.55 * np.abs(canvas.y) / look.light_radius, 0.0, 1.0)
    relief = float(rng.choice([-1.0, 1.0])) * rng.uniform(45.0, 60.0) * diamond - 12.0 * tent
    return _deformed(canvas, np.zeros_like(shift), shift, relief)


def _end(look: Look, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """One end crushed in, askew."""
    side = float(rng.choice([-1.0, 1.0]))
    tilt = float(rng.choice([-1.0, 1.0])) * rng.uniform(0.25, 0.8)
    depth = rng.uniform(60.0, 95.0)
    beyond = side * canvas.x - (look.half_length - 150.0) + tilt * canvas.y
    push = np.clip(beyond / 150.0, 0.0, 1.3)
    shift = -side * depth * push
    crease = np.abs(beyond - rng.uniform(55.0, 75.0)) / 45.0
    relief = -rng.uniform(22.0, 32.0) * np.clip(1.0 - crease, 0.0, 1.0) * np.clip(push * 3, 0, 1)
    fold = np.abs(canvas.y - rng.uniform(-50.0, 50.0)) / 40.0
    relief = relief - 16.0 * np.clip(1.0 - fold, 0.0, 1.0) * np.clip(push * 1.5, 0.0, 1.0)
    return _deformed(canvas, shift, np.zeros_like(shift), relief)


def _tent(canvas: Canvas, at: float, reach: float, rng: np.random.Generator) -> Field:
    """1 at a ridge across the capsule, straight down to 0 on both sides, seldom evenly."""
    skew = float(rng.choice([-1.0, 1.0])) * rng.uniform(0.0, 0.45)
    away = canvas.x - at - rng.uniform(-0.3, 0.3) * canvas.y
    slope = np.where(away > 0.0, 1.0 / (reach * (1.0 + skew)), 1.0 / (reach * (1.0 - skew)))
    tent: Field = np.clip(1.0 - np.abs(away) * slope, 0.0, 1.0).astype(np.float32)
    return _soft(tent, canvas, rng.uniform(1.0, 14.0))


def _deformed(canvas: Canvas, dx: Field, dy: Field, relief: Field) -> Flaw:
    moved = (dx.astype(np.float32), dy.astype(np.float32))
    bent = _soft(relief.astype(np.float32), canvas, 2.0)
    extent = (np.hypot(*moved) >= 3.0) | (np.abs(bent) >= 3.0)
    return Flaw(shift=moved, relief=bent, extent=extent.astype(np.float32), join=10.0)


_FLAWS: Final[dict[str, Callable[[Look, Canvas, np.random.Generator], Flaw]]] = {
    "crack": _crack,
    "faulty_imprint": _faulty_imprint,
    "poke": _poke,
    "scratch": _scratch,
    "squeeze": _squeeze,
}
_SPOIL: Final[dict[str, Callable[[Texture, Imprint, float, np.random.Generator], Texture]]] = {
    "scraped": _scraped,
    "smeared": _smeared,
    "blotted": _blotted,
}
_SQUEEZES: Final[dict[str, Callable[[Look, Canvas, np.random.Generator], Flaw]]] = {
    "dent": _dent,
    "pinch": _pinch,
    "end": _end,
}


def _away_from_strength(look: Look, side: float, rng: np.random.Generator) -> float:
    """Which flank, -1 or 1: on the light half the one the strength leaves free."""
    if side > 0.0 and abs(look.strength.turn) > 0.1:
        return -float(np.sign(look.strength.turn))
    return float(rng.choice([-1.0, 1.0]))


def _jagged(start: _Points, heading: float, length: float, rng: np.random.Generator) -> _Points:
    """Walk about `length` from a point in short, erratic steps."""
    count = max(6, round(length / 13.0))
    turns = heading + rng.normal(0.0, 0.45, count)
    steps = length / count * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    path: _Points = start + np.vstack([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return path


def _ribbon(path: _Points, width: float, rng: np.random.Generator) -> _Points:
    """Widen a path to a polygon that tapers to both ends and varies on the way."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    taper = np.sin(np.linspace(0.12, np.pi - 0.12, len(path))) ** 0.6
    half = 0.5 * width * taper
    left = path + across * (half * rng.uniform(0.6, 1.4, len(path)))[:, None]
    right = path - across * (half * rng.uniform(0.6, 1.4, len(path)))[:, None]
    return np.vstack([left, right[::-1]])


def _blob(centre: _Points, size: float, rough: float, rng: np.random.Generator) -> _Points:
    """An irregular closed outline around a point."""
    angles = np.linspace(0.0, 2.0 * np.pi, 22, endpoint=False)
    lobes = sum(
        rng.normal(0.0, rough / k) * np.cos(k * angles + rng.uniform(0.0, 2 * np.pi))
        for k in (2, 3, 5, 7)
    )
    radii = size * np.clip(1.0 + lobes + rng.normal(0.0, 0.08, len(angles)), 0.45, 1.7)
    return centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _fill(canvas: Canvas, polygons: list[_Points], grow: float = 0.0) -> Field:
    """Coverage of polygons in nominal pixels, each widened by a rim `grow` wide in all."""
    cover = np.zeros(canvas.x.shape, np.uint8)
    middle = np.array([canvas.x.shape[1] // 2, canvas.x.shape[0] // 2])
    for polygon in polygons:
        points = [_fixed(polygon * canvas.pixels + middle)]
        cv2.fillPoly(cover, points, 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        if grow:
            pen = max(1, round(grow * canvas.pixels))
            cv2.polylines(cover, points, True, 255, pen, cv2.LINE_AA, _SUBPIXEL_BITS)
    return cover.astype(np.float32) / np.float32(255.0)


def _fixed(points: _Points) -> NDArray[np.int32]:
    return np.round(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def _soft(field: Field, canvas: Canvas, sigma: float) -> Field:
    blurred: Field = cv2.GaussianBlur(field, (0, 0), max(0.3, sigma * canvas.pixels))
    return blurred


def _grains(canvas: Canvas, rng: np.random.Generator, size: float, bias: float) -> Field:
    """Lumps of about `size` nominal pixels: 0 or 1 with soft borders; a higher bias, fewer."""
    shape = (round(356.0 / size), round(940.0 / size))
    coarse = rng.standard_normal(shape, np.float32)
    height, width = canvas.x.shape
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    lumps: Field = np.clip((fine - np.float32(bias)) * 4.0 + 0.5, 0.0, 1.0).astype(np.float32)
    return lumps


def _letter_span(ink: Texture, rng: np.random.Generator, count: int) -> tuple[int, int, int]:
    """Columns of `count` neighbouring letters, and a sixth of a letter's height."""
    used = np.flatnonzero(ink.max(axis=0) > 0.3)
    gaps = np.flatnonzero(np.diff(used) > 1)
    starts = np.concatenate([used[:1], used[gaps + 1]])
    ends = np.concatenate([used[gaps], used[-1:]]) + 1
    first = int(rng.integers(len(starts) - count + 1))
    return int(starts[first]), int(ends[first + count - 1]), ink.shape[0] // 18
