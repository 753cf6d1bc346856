"""Draw the shell of a capsule."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.drawing.canvas import Canvas, Plane
from capsule_inspect.drawing.lettering import Texture
from capsule_inspect.drawing.style import CapsuleStyle, Imprint, Rgb


@dataclass(frozen=True)
class Paint:
    """A colour painted on the shell.

    Attributes:
        cover: float32 [h, w] on the canvas: the share of the colour in each pixel, in [0, 1].
        rgb: The colour.
    """

    cover: Plane
    rgb: Rgb


@dataclass(frozen=True)
class Flaw:
    """The changes that a defect makes to a shell; planes are float32 [h, w] on the canvas.

    Attributes:
        shift: Movement of the shell, (dx, dy), in nominal pixels.
        relief: Height added to the surface, in nominal pixels.
        paints: Colours painted on, the last on top.
        dose: The ink of the dose, if the defect changes it.
        extent: Above 0 where the defect is, even where it hardly changes the colour.
        join: Gaps in the defect of up to this many nominal pixels belong to it.
    """

    shift: tuple[Plane, Plane] | None = None
    relief: Plane | None = None
    paints: tuple[Paint, ...] = ()
    dose: Texture | None = None
    extent: Plane | None = None
    join: float = 12.0


# The furthest that a defect moves the shell, in nominal pixels.
_FURTHEST_SHIFT: Final = 130.0
# Turned this far round the shell, in radians, no part of an imprint faces the camera.
_OUT_OF_SIGHT: Final = 2.2


@dataclass(frozen=True)
class Surface:
    """The point of the shell that each pixel of a canvas shows; planes are float32 [h, w].

    Attributes:
        x: Position along the shell, in nominal pixels.
        rise: Position across the shell, as a share of the radius, in [-1, 1].
        radius: Radius at that point, in nominal pixels.
        on_dark: Share of the dark half, in [0, 1]; the rest belongs to the light half.
    """

    x: Plane
    rise: Plane
    radius: Plane
    on_dark: Plane


def colour_shell(
    style: CapsuleStyle, canvas: Canvas, surface: Surface, flaw: Flaw
) -> NDArray[np.float32]:
    """Colours an unlit shell: the halves, faint marks, the imprints, and a defect's paints.

    Args:
        style: The style of the capsule.
        canvas: The canvas to draw on.
        surface: The point of the shell that each pixel shows.
        flaw: The changes that a defect makes.

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
    ink = flaw.dose if flaw.dose is not None else style.dose.texture
    _print(shell, style.dose, ink, surface, 1.0 - surface.on_dark, canvas)
    _print(shell, style.word, style.word.texture, surface, surface.on_dark, canvas)
    for paint in flaw.paints:
        _blend(shell, paint.cover, paint.rgb)
    return shell


def _faint_marks(style: CapsuleStyle, canvas: Canvas) -> Plane:
    """Draws uneven colour, and a few specks and hairlines that are too faint for a defect."""
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
    """Prints an imprint onto the curved shell, in place; only its own columns change."""
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
    """Blends a colour into the shell, in place, in the columns that it covers."""
    used = np.flatnonzero(cover.any(axis=0))
    if not used.size:
        return
    columns = slice(int(used[0]), int(used[-1]) + 1)
    share = cover[:, columns]
    for channel, value in enumerate(rgb):
        part = shell[channel, :, columns]
        part += share * (np.float32(value) - part)


@dataclass(frozen=True)
class Rendering:
    """A capsule on its canvas.

    Attributes:
        colours: Red, green and blue, float32 [3, h, w] in [0, 255].
        cover: float32 [h, w] in [0, 1], the share of each pixel that the capsule covers.
    """

    colours: NDArray[np.float32]
    cover: Plane


def render_capsule(style: CapsuleStyle, canvas: Canvas, flaw: Flaw) -> Rendering:
    """Draws a capsule on its canvas.

    Args:
        style: The style of the capsule.
        canvas: The canvas to draw on.
        flaw: The changes that a defect makes; `Flaw()` for none.
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
    """Tilts the normals of a surface by the slopes of a relief."""
    slope = pixels / 8.0  # Sobel's 3 x 3 kernel sums to 8 times the slope
    nx = nx - cv2.Sobel(relief, cv2.CV_32F, 1, 0, scale=slope)
    ny = ny - cv2.Sobel(relief, cv2.CV_32F, 0, 1, scale=slope)
    length = np.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-3)
    return nx / length, ny / length, nz / length


def _light(style: CapsuleStyle, nx: Plane, ny: Plane, nz: Plane, gap: Plane) -> tuple[Plane, Plane]:
    """Returns the brightness of the shell's colour, and the levels that the gloss adds."""
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
