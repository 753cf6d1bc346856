"""How a drawn capsule looks on its canvas: shape, shell, lettering and light."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from capsule_inspect.dataset.draw_body import Canvas, Field, Flaw, Imprint, Look, Rgb
from capsule_inspect.dataset.draw_imprint import Texture

# No defect moves the shell further, in nominal pixels.
_FURTHEST_SHIFT: Final = 130.0


def render(look: Look, canvas: Canvas, flaw: Flaw) -> tuple[Field, Field]:
    """Draws a capsule on its canvas.

    Returns:
        Colour planes, float32 [3, h, w] in [0, 255], and coverage, float32 [h, w] in [0, 1].
    """
    x, y, pixels = canvas.x, canvas.y, np.float32(canvas.pixels)
    if flaw.shift is not None:
        x, y = x - flaw.shift[0], y - flaw.shift[1]
    gap = x - np.float32(look.seam_tilt) * y - np.float32(look.seam)
    on_dark = np.clip(np.float32(0.5) - gap * pixels, 0.0, 1.0)
    radius = np.where(gap <= 0.0, np.float32(look.dark_radius), np.float32(look.light_radius))
    beyond = np.maximum(np.abs(x) - (np.float32(look.half_length) - radius), np.float32(0.0))
    distance = np.sqrt(beyond * beyond + y * y) - radius
    cover = np.clip(np.float32(0.5) - distance * pixels, 0.0, 1.0)

    nx = np.sign(x) * beyond / radius
    ny = np.clip(y / radius, -1.0, 1.0)
    shell = _shell(look, canvas, _Surface(x, ny, radius, on_dark), flaw)
    nz = np.sqrt(np.clip(1.0 - nx * nx - ny * ny, 0.0, 1.0))
    if flaw.relief is not None:
        nx, ny, nz = _tilted(nx, ny, nz, flaw.relief, canvas.pixels)
    level, sheen = _light(look, nx, ny, nz, gap)
    for plane in shell:
        np.clip(plane * level + sheen, 0.0, 255.0, out=plane)
    return shell, cover


@dataclass(frozen=True)
class _Surface:
    """For each pixel: place along the shell, height on its circle in [-1, 1], radius, half."""

    x: Field
    rise: Field
    radius: Field
    on_dark: Field


def _tilted(
    nx: Field, ny: Field, nz: Field, relief: Field, pixels: float
) -> tuple[Field, Field, Field]:
    """The surface's normals after a relief was added to it."""
    slope = pixels / 8.0  # Sobel's 3 x 3 kernel sums to 8 times the slope
    nx = nx - cv2.Sobel(relief, cv2.CV_32F, 1, 0, scale=slope)
    ny = ny - cv2.Sobel(relief, cv2.CV_32F, 0, 1, scale=slope)
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-3)
    return nx / length, ny / length, nz / length


def _light(look: Look, nx: Field, ny: Field, nz: Field, gap: Field) -> tuple[Field, Field]:
    """How bright the shell's colour shows, and what the gloss adds, in levels."""
    lit = nx * look.lamp[0] + ny * look.lamp[1] + nz * look.lamp[2]
    level = look.ambient + (1.04 - look.ambient) * np.maximum(lit, 0.0)
    # The wider half's lip: a bright line on its edge, its shadow on the narrower half.
    level *= 1.0 - 0.45 * np.exp(-np.square((gap - 3.0) / 3.5)) * (gap > 0.0)
    sheen = 14.0 * np.exp(-np.square((gap + 2.5) / 1.8))
    window = np.clip((0.45 - np.abs(nx)) * 6.0, 0.0, 1.0)
    for at, width, strength in look.gloss:
        sheen += strength * np.exp(-np.square((ny - at) / width)) * window
    sheen += look.horizon * np.clip((look.gloss[0][0] - ny) * 12.0, 0.0, 1.0) * window
    return level, sheen


def _shell(look: Look, canvas: Canvas, surface: _Surface, flaw: Flaw) -> Field:
    """The shell's own colours: halves, faint marks, lettering, and what the defect lays on."""
    bare = _faint_marks(look, canvas)
    shell = np.stack(
        [
            (d - li) * surface.on_dark * bare + li * bare
            for d, li in zip(look.dark, look.light, strict=True)
        ]
    )
    ink = flaw.strength if flaw.strength is not None else look.strength.texture
    _print(shell, look.strength, ink, surface, 1.0 - surface.on_dark, canvas)
    _print(shell, look.word, look.word.texture, surface, surface.on_dark, canvas)
    for paint in flaw.paints:
        _blend(shell, paint.cover, paint.rgb)
    return shell


def _faint_marks(look: Look, canvas: Canvas) -> Field:
    """What every shell has: uneven colour, a few specks and hairlines too faint for a defect."""
    rng = np.random.default_rng(look.marks)
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
    faint: Field = bare + np.float32(rng.choice([-1.0, 1.0]) * 0.35 / 255.0) * marks
    return faint


def _print(
    shell: Field, imprint: Imprint, ink: Texture, surface: _Surface, half: Field, canvas: Canvas
) -> None:
    """Print an imprint onto the shell, bent round it; only its own columns are touched."""
    if abs(imprint.turn) > 2.2:
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


def _blend(shell: Field, cover: Field, rgb: Rgb) -> None:
    """Lay a colour on the shell, in place, where there is any."""
    used = np.flatnonzero(cover.any(axis=0))
    if not used.size:
        return
    columns = slice(int(used[0]), int(used[-1]) + 1)
    share = cover[:, columns]
    for channel, value in enumerate(rgb):
        part = shell[channel, :, columns]
        part += share * (np.float32(value) - part)
