"""Everything about a drawn capsule but its pose and its defect."""

from dataclasses import dataclass

import numpy as np

from capsule_inspect.dataset.drawing.colour import Rgb
from capsule_inspect.dataset.drawing.lettering import Texture


@dataclass(frozen=True)
class Imprint:
    """A text on one half.

    Attributes:
        texture: Its ink on a flat strip, in the canvas's pixels.
        x: Where its middle lies along the capsule, in nominal pixels.
        turn: Where its middle lies round the capsule, in radians from the line that faces the
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
    """A bright line that the shell mirrors, along the capsule.

    Attributes:
        y: Where it lies across the capsule, as a share of the radius, in [-1, 1].
        width: How far from there its brightness has fallen to 1/e, as such a share.
        strength: Levels it adds in its middle.
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
        half_length: From the middle to either end, in nominal pixels.
        dark_radius: Radius across of the dark half, the wider one, in nominal pixels.
        light_radius: The same of the light half.
        seam: Where along the capsule the halves meet, in nominal pixels.
        seam_tilt: By how much the seam moves along for each nominal pixel across.
        strength: The digits on the light half.
        word: The letters on the dark half.
        lamp: Direction to the lamp, of length 1: along, across, towards the camera.
        ambient: Share of its colour that the shell shows where the lamp does not reach, in [0, 1].
        gloss: What the shell mirrors, at least one line.
        horizon: Levels by which everything on the far side of the first highlight is brighter.
        marks: Seed of the faint marks that every shell has.
    """

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
    gloss: tuple[Highlight, ...]
    horizon: float
    marks: int

    def free_flank(self, side: float, rng: np.random.Generator) -> float:
        """Says which flank of a half its imprint leaves free.

        Args:
            side: The half: -1 the dark, 1 the light one.
            rng: Decides where no imprint is to be seen, or it lies in the middle.

        Returns:
            The sign of the flank's y: -1 or 1.
        """
        turn = self.strength.turn if side > 0.0 else self.word.turn
        if 0.1 < abs(turn) < 1.5:
            return -float(np.sign(turn))
        return float(rng.choice([-1.0, 1.0]))
