"""Draw the defects: crack, faulty imprint, poke, scratch and squeeze."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import GOOD
from capsule_inspect.drawing.canvas import Canvas, Plane
from capsule_inspect.drawing.lettering import Texture
from capsule_inspect.drawing.shapes import blob, fill, fill_pixels, grains, jagged, ribbon, soft
from capsule_inspect.drawing.shell import Flaw, Paint, Rendering
from capsule_inspect.drawing.style import POWDER, CapsuleStyle, Rgb, mix


def crack(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Draws a jagged, branching opening: wide in the middle, powder inside, with lips."""
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


def faulty_imprint(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Spoils the digits: their ink is missing, scraped, smeared or blotted."""
    ink = style.dose.texture
    kind = rng.choice(["missing", "scraped", "smeared", "blotted"], p=[0.2, 0.35, 0.2, 0.25])
    if kind == "missing":
        return Flaw(dose=np.zeros_like(ink), join=40.0)
    # Wide enough to fill the hollow of a letter under a blot.
    join = 16.0 if kind == "scraped" else 30.0
    spoilt = _SPOIL[str(kind)](ink, canvas.pixels, rng)
    return Flaw(dose=spoilt, join=join)


def _scraped(ink: Texture, pixels: float, rng: np.random.Generator) -> Texture:
    """Scrapes most of the ink off one or two letters, in streaks."""
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


def _smeared(ink: Texture, pixels: float, rng: np.random.Generator) -> Texture:
    """Drags the wet ink of two letters sideways."""
    left, right, unit = _letter_span(ink, rng, 2)
    drag = max(5, round(rng.uniform(40.0, 60.0) * pixels)) | 1
    kernel = np.zeros((drag, drag), np.float32)
    kernel[np.arange(drag), np.arange(drag)] = 1.0 / drag
    if rng.random() < 0.5:
        kernel = kernel[::-1].copy()
    wet = cv2.filter2D(ink, -1, kernel)
    touched = np.zeros_like(ink)
    touched[:, max(0, left - unit) : right + unit] = 1.0
    share = cv2.GaussianBlur(touched, (0, 0), 4.0 * pixels + 0.5)
    smeared: Texture = ink + share * (np.minimum(1.6 * wet, 1.0) - ink)
    return smeared.astype(np.float32)


def _blotted(ink: Texture, pixels: float, rng: np.random.Generator) -> Texture:
    """Drops a blob of ink on a letter, with a few splashes."""
    left, right, unit = _letter_span(ink, rng, 1)
    middle = np.array([(left + right) / 2, ink.shape[0] / 2 + rng.uniform(-1.0, 1.0) * unit])
    blobs = [blob(middle, rng.uniform(38.0, 46.0) * pixels, 0.2, rng)]
    for _ in range(int(rng.integers(2, 5))):
        away = middle + rng.normal(0.0, 26.0, 2) * pixels
        blobs.append(blob(away, rng.uniform(5.0, 10.0) * pixels, 0.2, rng))
    return np.maximum(ink, fill_pixels((ink.shape[0], ink.shape[1]), blobs))


def _letter_span(ink: Texture, rng: np.random.Generator, count: int) -> tuple[int, int, int]:
    """Chooses up to `count` neighbouring letters.

    Returns:
        Their first column, the one after their last, and a sixth of a letter's height.
    """
    used = np.flatnonzero(ink.max(axis=0) > 0.3)
    gaps = np.flatnonzero(np.diff(used) > 1)
    starts = np.concatenate([used[:1], used[gaps + 1]])
    ends = np.concatenate([used[gaps], used[-1:]]) + 1
    count = min(count, len(starts))
    first = int(rng.integers(len(starts) - count + 1))
    return int(starts[first]), int(ends[first + count - 1]), ink.shape[0] // 18


_SPOIL: Final[dict[str, Callable[[Texture, float, np.random.Generator], Texture]]] = {
    "scraped": _scraped,
    "smeared": _smeared,
    "blotted": _blotted,
}


def poke(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Punches a hole: dark inside with powder, with a torn pale rim and a dent around it."""
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


def scratch(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Draws a bundle of fine, nearly parallel strokes, paler than the shell."""
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


_AnyPlane = NDArray[np.floating]


def squeeze(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Crushes the shell: a dented flank, a pinched waist or a crushed end, with creases."""
    kind = str(rng.choice(["dent", "pinch", "end"], p=[0.4, 0.3, 0.3]))
    return _KINDS[kind](style, canvas, rng)


def _dent(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Pushes one flank towards the axis."""
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
    """Presses the shell flat: both flanks stand out at one sharp crease."""
    at = float(rng.choice([-1.0, 1.0])) * rng.uniform(110.0, 230.0)
    reach = rng.uniform(110.0, 160.0)
    tent = _tent(canvas, at, reach, rng)
    out = rng.uniform(0.24, 0.32)
    shift = canvas.y * (out * tent) / (1.0 + out * tent)
    diamond = np.clip(tent - 0.55 * np.abs(canvas.y) / style.light_radius, 0.0, 1.0)
    relief = float(rng.choice([-1.0, 1.0])) * rng.uniform(45.0, 60.0) * diamond - 12.0 * tent
    return _deformed(canvas, np.zeros_like(shift), shift, relief)


def _end(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """Crushes one end, askew."""
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
    """Returns a plane that falls from 1 at a ridge across the capsule to 0 on both sides."""
    skew = float(rng.choice([-1.0, 1.0])) * rng.uniform(0.0, 0.45)
    away = canvas.x - at - rng.uniform(-0.3, 0.3) * canvas.y
    slope = np.where(away > 0.0, 1.0 / (reach * (1.0 + skew)), 1.0 / (reach * (1.0 - skew)))
    tent: Plane = np.clip(1.0 - np.abs(away) * slope, 0.0, 1.0).astype(np.float32)
    return soft(tent, canvas, rng.uniform(1.0, 14.0))


def _deformed(canvas: Canvas, dx: _AnyPlane, dy: _AnyPlane, relief: _AnyPlane) -> Flaw:
    """Returns the flaw of a moved and folded shell; its extent is where either is visible."""
    moved = (dx.astype(np.float32), dy.astype(np.float32))
    bent = soft(relief.astype(np.float32), canvas, 2.0)
    extent = (np.hypot(*moved) >= 3.0) | (np.abs(bent) >= 3.0)
    return Flaw(shift=moved, relief=bent, extent=extent.astype(np.float32), join=10.0)


_KINDS: Final[dict[str, Callable[[CapsuleStyle, Canvas, np.random.Generator], Flaw]]] = {
    "dent": _dent,
    "pinch": _pinch,
    "end": _end,
}


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
    """Chooses the changes that a defect makes to a capsule.

    Args:
        label: `good`, for no changes, or one of `DEFECTS`.
        style: The style of the capsule.
        canvas: The canvas that it is drawn on.
        rng: Source of randomness.
    """
    if label == GOOD:
        return Flaw()
    return _FLAWS[label](style, canvas, rng)


# A change of fewer grey levels drowns in the noise: nobody could see the defect.
_VISIBLE: Final = 12.0


def changed_area(now: Rendering, clean: Rendering, flaw: Flaw, pixels: float) -> Plane:
    """Finds where a defect visibly changes a capsule.

    Args:
        now: The capsule with the defect.
        clean: The same capsule without it.
        flaw: The changes that the defect makes.
        pixels: Canvas pixels per nominal pixel.

    Returns:
        A solid area on the canvas: float32 [h, w], 1 on the defect, 0 elsewhere.
    """
    change = np.abs(now.colours - clean.colours).max(axis=0) * np.minimum(now.cover, clean.cover)
    seen = (change >= _VISIBLE) | (np.abs(now.cover - clean.cover) >= 0.5)
    if flaw.extent is not None:
        seen |= (flaw.extent > 0.0) & (np.maximum(now.cover, clean.cover) >= 0.5)
    area = seen.astype(np.uint8)
    area = cv2.morphologyEx(area, cv2.MORPH_CLOSE, _disc(flaw.join * pixels))
    area = cv2.morphologyEx(area, cv2.MORPH_OPEN, _disc(3.0 * pixels))
    outlines, _ = cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(area, outlines, -1, 1, cv2.FILLED)
    return area.astype(np.float32)


def _disc(diameter: float) -> NDArray[np.uint8]:
    side = max(1, round(diameter)) | 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
