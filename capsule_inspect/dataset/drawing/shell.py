"""The colours of a drawn shell: its halves, its lettering, and what lies on it."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.drawing.canvas import Canvas, Plane
from capsule_inspect.dataset.drawing.capsule_style import CapsuleStyle, Imprint
from capsule_inspect.dataset.drawing.colour import Rgb
from capsule_inspect.dataset.drawing.flaw import Flaw
from capsule_inspect.dataset.drawing.lettering import Texture

# No defect moves the shell further, in nominal pixels.
_FURTHEST_SHIFT: Final = 130.0
# Radians round the shell from which on no part of an imprint faces the camera.
_OUT_OF_SIGHT: Final = 2.2


@dataclass(frozen=True)
class Surface:
    """Which point of the shell each pixel of a canvas shows; planes are float32 [h, w].

    Attributes:
        x: Place along the shell, in nominal pixels.
        rise: Place across, as a share of the radius, in [-1, 1].
        radius: Radius there, in nominal pixels.
        on_dark: Share of the dark half, in [0, 1]; the rest is of the light one.
    """

    x: Plane
    rise: Plane
    radius: Plane
    on_dark: Plane


def colour_shell(
    style: CapsuleStyle, canvas: Canvas, surface: Surface, flaw: Flaw
) -> NDArray[np.float32]:
    """Colours a shell, not yet lit: halves, faint marks, lettering, and what a defect lays on.

    Args:
        style: How the capsule looks.
        canvas: The grid it is drawn on.
        surface: What of the shell each pixel shows.
        flaw: What a defect does to it.

    Returns:
        Red, green and blue, float32 [3, h, w] in [0, 255].
    """
    bare = _faint_marks(style, canvas)
    shell = np.stack(
        [
            (d - li) * surface.on_dark * bare + li * bare
            for d, li in zip(style.dark, style.light, strict=True)
        ]
    )
    ink = flaw.strength if flaw.strength is not None else style.strength.texture
    _print(shell, style.strength, ink, surface, 1.0 - surface.on_dark, canvas)
    _print(shell, style.word, style.word.texture, surface, surface.on_dark, canvas)
    for paint in flaw.paints:
        _blend(shell, paint.cover, paint.rgb)
    return shell


def _faint_marks(style: CapsuleStyle, canvas: Canvas) -> Plane:
    """What every shell has: uneven colour, a few specks and hairlines too faint for a defect."""
    rng = np.random.default_rng(style.marks)
    height, width = canvas.x.shape
    mottle = rng.standard_normal((9, 25)).astype(np.float32)
    bare = 1.0 + np.float32(0.012) * cv2.resize(
        mottle, (width, height), interpolation=cv2.INTER_CUBIC
    )
    marks = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(0, 6))):
        place = (rng.uniform(0.1, 0.9, 2) * (width, height) * 16).astype(int).tolist()
        radius = round(rng.uniform(1.0, 3.0) * canvas.pixels * 16)
        cv2.circle(marks, place, radius, int(rng.integers(60, 160)), -1, cv2.LINE_AA, 4)
    for _ in range(int(rng.integers(0, 3))):
        start = rng.uniform(0.1, 0.9, 2) * (width, height)
        end = start + rng.uniform(-60.0, 60.0, 2) * canvas.pixels
        pair = [(points * 16).astype(int).tolist() for points in (start, end)]
        cv2.line(marks, pair[0], pair[1], int(rng.integers(20, 50)), 1, cv2.LINE_AA, 4)
    faint: Plane = bare + np.float32(rng.choice([-1.0, 1.0]) * 0.35 / 255.0) * marks
    return faint


def _print(
    shell: NDArray[np.float32],
    imprint: Imprint,
    ink: Texture,
    surface: Surface,
    half: Plane,
    canvas: Canvas,
) -> None:
    """Prints an imprint onto the shell, bent round it; only its own columns are touched."""
    if abs(imprint.turn) > _OUT_OF_SIGHT:
        return
    pixels = np.float32(canvas.pixels)
    reach = ink.shape[1] / 2 + _FURTHEST_SHIFT * canvas.pixels
    middle = canvas.x.shape[1] // 2 + imprint.x * canvas.pixels
    part = np.s_[:, max(0, int(middle - reach)) : int(middle + reach) + 1]
    u = (surface.x[part] - np.float32(imprint.x)) * pixels + np.float32(ink.shape[1] / 2)
    v = np.arcsin(surface.rise[part]) - np.float32(imprint.turn)
    v = v * (surface.radius[part] * pixels) + np.float32(ink.shape[0] / 2)
    printed = cv2.remap(ink, u, v, cv2.INTER_LINEAR, borderValue=0)
    cover = printed * half[part] * np.float32(imprint.opacity)
    _blend(shell[:, part[0], part[1]], cover, imprint.rgb)


def _blend(shell: NDArray[np.float32], cover: Plane, rgb: Rgb) -> None:
    """Lays a colour on the shell, in place, where there is any."""
    used = np.flatnonzero(cover.any(axis=0))
    if not used.size:
        return
    columns = slice(int(used[0]), int(used[-1]) + 1)
    share = cover[:, columns]
    for channel, value in enumerate(rgb):
        part = shell[channel, :, columns]
        part += share * (np.float32(value) - part)
