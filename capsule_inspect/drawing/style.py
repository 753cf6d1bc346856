"""The style of a drawn capsule: colours, size and imprint."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from capsule_inspect.drawing.lettering import Texture, print_texture

Rgb = tuple[float, float, float]

POWDER: Final[Rgb] = (236.0, 230.0, 218.0)
"""Colour of the powder that spills out of a defect."""


def mix(base: Rgb, other: Rgb, share: float) -> Rgb:
    """Mixes a share of another colour, in [0, 1], into a base colour."""
    r, g, b = (float(v) for v in np.array(base) * (1.0 - share) + np.array(other) * share)
    return r, g, b


def vary(rng: np.random.Generator, rgb: Rgb, by: float) -> Rgb:
    """Moves each channel by up to `by` levels within [12, 240], so that shading stays visible."""
    r, g, b = (float(np.clip(v, 12.0, 240.0)) for v in np.array(rgb) + rng.uniform(-by, by, 3))
    return r, g, b


@dataclass(frozen=True)
class Imprint:
    """A text printed on one half.

    Attributes:
        texture: Its ink on a flat strip, in canvas pixels.
        x: Position of its middle along the capsule, in nominal pixels.
        turn: Position of its middle round the capsule, in radians from the line that faces the
            camera; beyond about 2 it is out of sight.
        rgb: Colour of the ink.
        opacity: Share of the ink's colour where it covers the shell, in [0, 1].
    """

    texture: Texture
    x: float
    turn: float
    rgb: Rgb
    opacity: float


@dataclass(frozen=True)
class Highlight:
    """A bright reflection along the capsule.

    Attributes:
        y: Position across the capsule, as a share of the radius, in [-1, 1].
        width: Distance at which its brightness falls to 1/e, as a share of the radius.
        strength: Levels that it adds at its middle.
    """

    y: float
    width: float
    strength: float


@dataclass(frozen=True)
class CapsuleStyle:
    """How a capsule looks.

    Attributes:
        dark: Colour of the half at x < 0.
        light: Colour of the other half.
        half_length: Distance from the middle to either end, in nominal pixels.
        dark_radius: Radius of the dark half, the wider one, in nominal pixels.
        light_radius: Radius of the light half, in nominal pixels.
        seam: Position along the capsule where the halves meet, in nominal pixels.
        seam_tilt: Movement of the seam along the capsule for each nominal pixel across.
        dose: The digits on the light half.
        word: The letters on the dark half.
        lamp: Unit vector to the lamp: along the capsule, across it, towards the camera.
        ambient: Share of its colour that the shell shows out of the lamp's light, in [0, 1].
        gloss: The highlights, at least one.
        horizon: Levels by which the shell is brighter beyond the first highlight.
        marks: Seed of the faint marks.
    """

    dark: Rgb
    light: Rgb
    half_length: float
    dark_radius: float
    light_radius: float
    seam: float
    seam_tilt: float
    dose: Imprint
    word: Imprint
    lamp: tuple[float, float, float]
    ambient: float
    gloss: tuple[Highlight, ...]
    horizon: float
    marks: int

    def free_flank(self, side: float, rng: np.random.Generator) -> float:
        """Chooses the flank of a half that its imprint leaves free.

        Args:
            side: The half: -1 is the dark one, 1 the light one.
            rng: Source of randomness; decides if the imprint is in the middle or out of sight.

        Returns:
            The sign of the flank's y: -1 or 1.
        """
        turn = self.dose.turn if side > 0.0 else self.word.turn
        if 0.1 < abs(turn) < 1.5:
            return -float(np.sign(turn))
        return float(rng.choice([-1.0, 1.0]))


# Dark and light half. On a ground near 203, the colour distance of a light half is at least 0.55
# of the dark half's; below about 0.43, Otsu's threshold would take it for ground.
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


def choose_style(rng: np.random.Generator, pixels: float, mvtec_like: bool) -> CapsuleStyle:
    """Chooses the style of a capsule.

    Args:
        rng: Source of randomness; the order of draws is part of what a seed stands for.
        pixels: Canvas pixels per nominal pixel.
        mvtec_like: Use the colours, lettering and light of MVTec AD's capsules.
    """
    dark, light = _MVTEC_LIKE if mvtec_like else _PALETTE[int(rng.integers(len(_PALETTE)))]
    dark, light = vary(rng, dark, 4.0), vary(rng, light, 8.0)
    radius = rng.uniform(132.0, 140.0)
    dose = _choose_dose(rng, dark, light, pixels, mvtec_like)
    word, seam = _choose_word(rng, dark, pixels)
    lamp = np.array([rng.uniform(-0.15, 0.15), rng.uniform(-0.45, 0.1), 1.0])
    lamp /= np.linalg.norm(lamp)
    gloss = tuple(_choose_gloss(rng, mvtec_like))
    return CapsuleStyle(
        dark=dark,
        light=light,
        half_length=rng.uniform(415.0, 440.0),
        dark_radius=radius,
        light_radius=radius - rng.uniform(4.0, 7.0),
        seam=seam,
        seam_tilt=rng.uniform(-0.02, 0.02),
        dose=dose,
        word=word,
        lamp=(float(lamp[0]), float(lamp[1]), float(lamp[2])),
        ambient=rng.uniform(0.5, 0.62),
        gloss=gloss,
        horizon=rng.uniform(3.0, 9.0),
        marks=int(rng.integers(2**31)),
    )


def _choose_dose(
    rng: np.random.Generator, dark: Rgb, light: Rgb, pixels: float, mvtec_like: bool
) -> Imprint:
    """Chooses the digits on the light half: pale, or near the colour of the dark half."""
    text = _STRENGTHS[0] if mvtec_like else str(rng.choice(_STRENGTHS))
    pale = mvtec_like or rng.random() < 0.6
    height = rng.uniform(64.0, 74.0)
    return Imprint(
        texture=print_texture(text, height, height * rng.uniform(0.22, 0.27), pixels),
        x=rng.uniform(165.0, 190.0),
        turn=rng.uniform(-0.5, 0.5),
        rgb=mix(light, (235.0, 225.0, 222.0), 0.62) if pale else mix(light, dark, 0.85),
        opacity=rng.uniform(0.8, 0.95),
    )


def _choose_word(rng: np.random.Generator, dark: Rgb, pixels: float) -> tuple[Imprint, float]:
    """Chooses the letters on the dark half, and the seam, which they do not touch."""
    height, seam = rng.uniform(46.0, 54.0), rng.uniform(-8.0, 22.0)
    lettered = print_texture(str(rng.choice(_WORDS)), height, height * 0.15, pixels)
    length = lettered.shape[1] / pixels - 2.0 * height
    word = Imprint(
        texture=lettered,
        x=min(rng.uniform(-165.0, -140.0), seam - 22.0 - 0.5 * length),
        turn=rng.uniform(-np.pi, np.pi),
        rgb=mix(dark, (215.0, 225.0, 230.0), rng.uniform(0.45, 0.75)),
        opacity=rng.uniform(0.8, 0.95),
    )
    return word, seam


def _choose_gloss(rng: np.random.Generator, mvtec_like: bool) -> Iterator[Highlight]:
    """Chooses a faint highlight, and a second one unless the capsule is like MVTec AD's."""
    yield Highlight(rng.uniform(0.02, 0.2), rng.uniform(0.03, 0.06), rng.uniform(10.0, 26.0))
    if not mvtec_like:
        yield Highlight(rng.uniform(-0.6, -0.3), rng.uniform(0.05, 0.12), rng.uniform(15.0, 60.0))
