"""Colours of drawn capsules: red, green and blue in [0, 255]."""

from typing import Final

import numpy as np

Rgb = tuple[float, float, float]

POWDER: Final[Rgb] = (236.0, 230.0, 218.0)
"""Of what is in the capsules, where a defect lets it out."""


def mix(base: Rgb, other: Rgb, share: float) -> Rgb:
    """Mixes a share of another colour, in [0, 1], into one."""
    r, g, b = (float(v) for v in np.array(base) * (1.0 - share) + np.array(other) * share)
    return r, g, b


def vary(rng: np.random.Generator, rgb: Rgb, by: float) -> Rgb:
    """Moves each channel by up to so many levels; none leaves [12, 240], so that light shows."""
    r, g, b = (float(np.clip(v, 12.0, 240.0)) for v in np.array(rgb) + rng.uniform(-by, by, 3))
    return r, g, b
