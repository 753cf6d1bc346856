"""The capsule of a drawn picture: its look, its shape, and how light falls on it.

Lengths are nominal pixels, those of a 1000-pixel picture at scale 1, with the origin in the
middle of the capsule, x along it (the dark half at x < 0) and y across it.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.draw_imprint import Texture, print_texture

Field = NDArray[np.float32]
Rgb = tuple[float, float, float]

HALF_WIDTH: Final = 470.0
HALF_HEIGHT: Final = 178.0
# No defect moves the shell further.
_FURTHEST_SHIFT: Final = 130.0

# Dark and light half. On a ground near 203 the light half keeps at least 0.55 of the dark half's
# colour distance; below about 0.43, Otsu's threshold would take it for ground.
_MVTEC_LIKE: Final = ((25.0, 24.0, 31.0), (186.0, 93.0, 72.0))
_PALETTE: Final[tuple[tuple[Rgb, Rgb], ...]] = (
    ((28.0, 50.0, 118.0), (224.0, 176.0, 40.0)),
    ((22.0, 82.0, 50.0), (226.0, 188.0, 48.0)),
    ((128.0, 26.0, 32.0), (108.0, 110.0, 114.0)),
    ((70.0, 30.0, 94.0), (226.0, 128.0, 42.0)),
    ((84.0, 46.0, 30.0), (214.0, 134.0, 46.0)),
    ((24.0, 34.0, 74.0), (52.0, 128.0, 192.0)),
    ((18.0, 80.0, 88.0), (218.0, 82.0, 112.0)),
    ((122.0, 22.0, 34.0), (230.0, 148.0, 40.0)),
    ((26.0, 28.0, 30.0), (84.0, 156.0, 60.0)),
)
_STRENGTHS: Final = ("500", "250", "400", "125", "850", "300", "375", "600", "200", "750")
_WORDS: Final = ("placebo", "sample", "drawn", "capsule", "model", "demo")


@dataclass(frozen=True)
class Imprint:
    """A text on one half: its ink strip, where it lies, and how it differs from the shell."""

    texture: Texture
    x: float
    turn: float
    rgb: Rgb
    opacity: float


@dataclass(frozen=True)
class Look:
    """Everything about a capsule but its pose and its defect; colours in [0, 255]."""

    dark: Rgb
    light: Rgb
    half_length: float
    dark_radius: float
    light_radius: float
    seam: float
    seam_tilt: float
    strength: Imprint
    word: Imprint
    lamp: tuple[float, float, float]
    ambient: float
    gloss: tuple[tuple[float, float, float], ...]
    horizon: float
    marks: int


@dataclass(frozen=True)
class Paint:
    """A colour laid on the shell where `cover` (in [0, 1], [h, w]) says."""

    cover: Field
    rgb: Rgb


@dataclass(frozen=True)
class Flaw:
    """What a defect does to a shell; fields are [h, w] on the capsule's own canvas.

    Attributes:
        shift: How far the shell moved, (dx, dy), in nominal pixels.
        relief: Height added to the surface, in nominal pixels.
        paints: Colours laid on, the last on top.
        strength: The strength's ink, where it is not what was to be printed.
        extent: Above 0 where the defect is, however little it changed the colour there.
        join: Gaps up to this many nominal pixels inside the defect belong to it.
    """

    shift: tuple[Field, Field] | None = None
    relief: Field | None = None
    paints: tuple[Paint, ...] = ()
    strength: Texture | None = None
    extent: Field | None = None
    join: float = 12.0


@dataclass(frozen=True)
class Canvas:
    """The grid a capsule is drawn on before it is put into the picture."""

    x: Field
    y: Field
    pixels: float

    @staticmethod
    def at(pixels: float) -> "Canvas":
        """Make the grid of so many pixels to a nominal one."""
        width = 2 * int(np.ceil(HALF_WIDTH * pixels)) + 1
        height = 2 * int(np.ceil(HALF_HEIGHT * pixels)) + 1
        across = (np.arange(width, dtype=np.float32) - width // 2) / np.float32(pixels)
        down = (np.arange(height, dtype=np.float32) - height // 2) / np.float32(pixels)
        x, y = np.meshgrid(across, down)
        return Canvas(x, y, pixels)


def draw_look(rng: np.random.Generator, pixels: float, mvtec_like: bool) -> Look:
    """Choose a capsule's look."""
    dark, light = _MVTEC_LIKE if mvtec_like else _PALETTE[int(rng.integers(len(_PALETTE)))]
    dark, light = _vary(rng, dark, 4.0), _vary(rng, light, 8.0)
    radius = rng.uniform(132.0, 140.0)
    text = _STRENGTHS[0] if mvtec_like else str(rng.choice(_STRENGTHS))
    pale = mvtec_like or rng.random() < 0.6
    height = rng.uniform(64.0, 74.0)
    strength = Imprint(
        texture=print_texture(text, height, height * rng.uniform(0.22, 0.27), pixels),
        x=rng.uniform(165.0, 190.0),
        turn=rng.uniform(-0.5, 0.5),
        rgb=mix(light, (235.0, 225.0, 222.0), 0.62) if pale else mix(light, dark, 0.85),
        opacity=rng.uniform(0.8, 0.95),
    )
    height = rng.uniform(46.0, 54.0)
    word = Imprint(
        texture=print_texture(str(rng.choice(_WORDS)), height, height * 0.15, pixels),
        x=rng.uniform(-165.0, -140.0),
        turn=rng.uniform(-np.pi, np.pi),
        rgb=mix(dark, (215.0, 225.0, 230.0), rng.uniform(0.45, 0.75)),
        opacity=rng.uniform(0.8, 0.95),
    )
    lamp = np.array([rng.uniform(-0.15, 0.15), rng.uniform(-0.45, 0.1), 1.0])
    lamp /= np.linalg.norm(lamp)
    gloss = [(rng.uniform(0.02, 0.2), rng.uniform(0.03, 0.06), rng.uniform(10.0, 26.0))]
    if not mvtec_like:
        gloss.append((rng.uniform(-0.6, -0.3), rng.uniform(0.05, 0.12), rng.uniform(15.0, 60.0)))
    return Look(
        dark=dark,
        light=light,
        half_length=rng.uniform(415.0, 440.0),
        dark_radius=radius,
        light_radius=radius - rng.uniform(4.0, 7.0),
        seam=rng.uniform(-8.0, 22.0),
        seam_tilt=rng.uniform(-0.02, 0.02),
        strength=strength,
        word=word,
        lamp=(float(lamp[0]), float(lamp[1]), float(lamp[2])),
        ambient=rng.uniform(0.5, 0.62),
        gloss=tuple(gloss),
        horizon=rng.uniform(3.0, 9.0),
        marks=int(rng.integers(2**31)),
    )


def render(look: Look, canvas: Canvas, flaw: Flaw) -> tuple[Field, Field]:
    """Draw a capsule on its canvas.

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
        [(d - li) * surface.on_dark * bare + li * bare for d, li in zip(look.dark, look.light)]
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
    used = cover.any(axis=0)
    if not used.any():
        return
    columns = slice(int(used.argmax()), len(used) - int(used[::-1].argmax()))
    share = cover[:, columns]
    for plane, value in zip(shell[:, :, columns], rgb):
        plane += share * (np.float32(value) - plane)


def _vary(rng: np.random.Generator, rgb: Rgb, by: float) -> Rgb:
    r, g, b = (float(np.clip(v, 12.0, 240.0)) for v in np.array(rgb) + rng.uniform(-by, by, 3))
    return r, g, b


def mix(base: Rgb, other: Rgb, share: float) -> Rgb:
    """Mix a share of another colour into one."""
    r, g, b = (float(v) for v in np.array(base) * (1.0 - share) + np.array(other) * share)
    return r, g, b
