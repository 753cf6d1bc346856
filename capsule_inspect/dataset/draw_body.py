"""The capsule of a drawn picture: its look, its canvas, and what a defect does to it.

Lengths are nominal pixels, those of a 1000-pixel picture at scale 1, with the origin in the
middle of the capsule, x along it (the dark half at x < 0) and y across it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.draw_imprint import Texture, print_texture

Field = NDArray[np.float32]
Rgb = tuple[float, float, float]

_HALF_WIDTH: Final = 470.0
_HALF_HEIGHT: Final = 190.0

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
        """Makes the grid of so many pixels to a nominal one."""
        width = 2 * int(np.ceil(_HALF_WIDTH * pixels)) + 1
        height = 2 * int(np.ceil(_HALF_HEIGHT * pixels)) + 1
        across = (np.arange(width, dtype=np.float32) - width // 2) / np.float32(pixels)
        down = (np.arange(height, dtype=np.float32) - height // 2) / np.float32(pixels)
        x, y = np.meshgrid(across, down)
        return Canvas(x, y, pixels)


def draw_look(rng: np.random.Generator, pixels: float, mvtec_like: bool) -> Look:
    """Chooses a capsule's look."""
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
    height, seam = rng.uniform(46.0, 54.0), rng.uniform(-8.0, 22.0)
    lettered = print_texture(str(rng.choice(_WORDS)), height, height * 0.15, pixels)
    word_length = lettered.shape[1] / pixels - 2.0 * height
    word = Imprint(
        texture=lettered,
        x=min(rng.uniform(-165.0, -140.0), seam - 22.0 - 0.5 * word_length),
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
        seam=seam,
        seam_tilt=rng.uniform(-0.02, 0.02),
        strength=strength,
        word=word,
        lamp=(float(lamp[0]), float(lamp[1]), float(lamp[2])),
        ambient=rng.uniform(0.5, 0.62),
        gloss=tuple(gloss),
        horizon=rng.uniform(3.0, 9.0),
        marks=int(rng.integers(2**31)),
    )


def mix(base: Rgb, other: Rgb, share: float) -> Rgb:
    """Mix a share of another colour into one."""
    r, g, b = (float(v) for v in np.array(base) * (1.0 - share) + np.array(other) * share)
    return r, g, b


def _vary(rng: np.random.Generator, rgb: Rgb, by: float) -> Rgb:
    r, g, b = (float(np.clip(v, 12.0, 240.0)) for v in np.array(rgb) + rng.uniform(-by, by, 3))
    return r, g, b
