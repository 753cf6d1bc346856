"""Faulty imprints: ink that is missing, scraped, smeared or blotted."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from capsule_inspect.dataset.drawing.canvas import Canvas
from capsule_inspect.dataset.drawing.capsule_style import CapsuleStyle
from capsule_inspect.dataset.drawing.flaw import Flaw
from capsule_inspect.dataset.drawing.lettering import Texture
from capsule_inspect.dataset.drawing.shapes import blob, fill_pixels


def faulty_imprint(style: CapsuleStyle, canvas: Canvas, rng: np.random.Generator) -> Flaw:
    """The strength's ink missing, scraped, smeared or blotted."""
    ink = style.strength.texture
    kind = rng.choice(["missing", "scraped", "smeared", "blotted"], p=[0.2, 0.35, 0.2, 0.25])
    if kind == "missing":
        return Flaw(strength=np.zeros_like(ink), join=40.0)
    # Wide enough to fill the hollow of a letter under a blot.
    join = 16.0 if kind == "scraped" else 30.0
    spoilt = _SPOIL[str(kind)](ink, canvas.pixels, rng)
    return Flaw(strength=spoilt, join=join)


def _scraped(ink: Texture, pixels: float, rng: np.random.Generator) -> Texture:
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


def _smeared(ink: Texture, pixels: float, rng: np.random.Generator) -> Texture:
    """The ink of two letters dragged aslant while wet."""
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
    """A blob of ink over a letter, with a few splashes."""
    left, right, unit = _letter_span(ink, rng, 1)
    middle = np.array([(left + right) / 2, ink.shape[0] / 2 + rng.uniform(-1.0, 1.0) * unit])
    blobs = [blob(middle, rng.uniform(38.0, 46.0) * pixels, 0.2, rng)]
    for _ in range(int(rng.integers(2, 5))):
        away = middle + rng.normal(0.0, 26.0, 2) * pixels
        blobs.append(blob(away, rng.uniform(5.0, 10.0) * pixels, 0.2, rng))
    return np.maximum(ink, fill_pixels((ink.shape[0], ink.shape[1]), blobs))


def _letter_span(ink: Texture, rng: np.random.Generator, count: int) -> tuple[int, int, int]:
    """Columns of up to `count` neighbouring letters, and a sixth of a letter's height."""
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
