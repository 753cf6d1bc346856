"""How a drawn capsule looks on its canvas: its outline, its shell and the light on it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.drawing.canvas import Canvas, Plane
from capsule_inspect.dataset.drawing.capsule_style import CapsuleStyle
from capsule_inspect.dataset.drawing.flaw import Flaw
from capsule_inspect.dataset.drawing.shell import Surface, colour_shell


@dataclass(frozen=True)
class Rendering:
    """A capsule on its canvas.

    Attributes:
        colours: Red, green and blue, float32 [3, h, w] in [0, 255].
        cover: float32 [h, w]: the share of each pixel that the capsule covers, in [0, 1].
    """

    colours: NDArray[np.float32]
    cover: Plane


def render(style: CapsuleStyle, canvas: Canvas, flaw: Flaw) -> Rendering:
    """Draws a capsule on its canvas.

    Args:
        style: How it looks.
        canvas: The grid to draw on.
        flaw: What a defect does to it.
    """
    x, y, pixels = canvas.x, canvas.y, np.float32(canvas.pixels)
    if flaw.shift is not None:
        x, y = x - flaw.shift[0], y - flaw.shift[1]
    gap = x - np.float32(style.seam_tilt) * y - np.float32(style.seam)
    on_dark = np.clip(np.float32(0.5) - gap * pixels, 0.0, 1.0)
    radius = np.where(gap <= 0.0, np.float32(style.dark_radius), np.float32(style.light_radius))
    beyond = np.maximum(np.abs(x) - (np.float32(style.half_length) - radius), np.float32(0.0))
    distance = np.sqrt(beyond * beyond + y * y) - radius
    cover = np.clip(np.float32(0.5) - distance * pixels, 0.0, 1.0)

    nx = np.sign(x) * beyond / radius
    ny = np.clip(y / radius, -1.0, 1.0)
    shell = colour_shell(style, canvas, Surface(x, ny, radius, on_dark), flaw)
    nz = np.sqrt(np.clip(1.0 - nx * nx - ny * ny, 0.0, 1.0))
    if flaw.relief is not None:
        nx, ny, nz = _tilted(nx, ny, nz, flaw.relief, canvas.pixels)
    level, sheen = _light(style, nx, ny, nz, gap)
    for plane in shell:
        np.clip(plane * level + sheen, 0.0, 255.0, out=plane)
    return Rendering(shell, cover)


def _tilted(
    nx: Plane, ny: Plane, nz: Plane, relief: Plane, pixels: float
) -> tuple[Plane, Plane, Plane]:
    """The surface's normals after a relief was added to it."""
    slope = pixels / 8.0  # Sobel's 3 x 3 kernel sums to 8 times the slope
    nx = nx - cv2.Sobel(relief, cv2.CV_32F, 1, 0, scale=slope)
    ny = ny - cv2.Sobel(relief, cv2.CV_32F, 0, 1, scale=slope)
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-3)
    return nx / length, ny / length, nz / length


def _light(style: CapsuleStyle, nx: Plane, ny: Plane, nz: Plane, gap: Plane) -> tuple[Plane, Plane]:
    """How bright the shell's colour shows, and what the gloss adds, in levels."""
    lit = nx * style.lamp[0] + ny * style.lamp[1] + nz * style.lamp[2]
    level = style.ambient + (1.04 - style.ambient) * np.maximum(lit, 0.0)
    # The wider half's lip: a bright line on its edge, its shadow on the narrower half.
    level *= 1.0 - 0.45 * np.exp(-np.square((gap - 3.0) / 3.5)) * (gap > 0.0)
    sheen = 14.0 * np.exp(-np.square((gap + 2.5) / 1.8))
    window = np.clip((0.45 - np.abs(nx)) * 6.0, 0.0, 1.0)
    for line in style.gloss:
        sheen += line.strength * np.exp(-np.square((ny - line.y) / line.width)) * window
    sheen += style.horizon * np.clip((style.gloss[0].y - ny) * 12.0, 0.0, 1.0) * window
    return level, sheen
