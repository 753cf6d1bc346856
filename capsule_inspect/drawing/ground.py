"""Draw the ground that a capsule lies on."""

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.drawing.canvas import Plane
from capsule_inspect.drawing.shell import Rendering


def draw_ground(rng: np.random.Generator, size: int) -> tuple[list[np.float32], Plane]:
    """Draws white paper under uneven light, with grain and sometimes dust.

    Args:
        rng: Source of randomness.
        size: Side of the picture in pixels.

    Returns:
        The paper's red, green and blue levels, and the share of them in each pixel, float32
        [size, size].
    """
    tint = rng.uniform(190.0, 214.0) * (1.0 + rng.uniform(-0.025, 0.025, 3))
    along = np.linspace(-1.0, 1.0, size, dtype=np.float32)
    fall = np.float32(rng.uniform(0.005, 0.025))
    slope = rng.uniform(-0.025, 0.025, 2).astype(np.float32)
    light = (1.0 + slope[0] * along - fall * along**2) + (slope[1] * along - fall * along**2)[
        :, None
    ]
    light += np.float32(0.012) * cv2.GaussianBlur(_normal(rng, (size, size)), (0, 0), 1.5)
    light *= 1.0 - np.float32(0.7 / 255.0) * _dust(rng, size)
    return [np.float32(value) for value in tint], light


def shadow(
    capsule: Rendering, place: NDArray[np.float64], size: int, rng: np.random.Generator
) -> list[Plane]:
    """Draws the shadow of a capsule; it is soft, so an eighth of the resolution is enough.

    Args:
        capsule: The capsule that casts it.
        place: float64 [2, 3], the affine matrix from the capsule's canvas to the picture.
        size: Side of the picture in pixels.
        rng: Source of randomness, for its depth and direction.

    Returns:
        The remaining share of red, green and blue light, each float32 [size, size] in [0, 1].
    """
    small = max(8, size // 8)
    depth = np.float32(rng.uniform(0.12, 0.2))
    shrunk = place * (small / size)
    shrunk[:, 2] += rng.uniform(-0.012, 0.012, 2) * small
    left = []
    for plane in capsule.colours:
        taken = capsule.cover * (1.0 - np.float32(0.45 / 255.0) * plane)
        flat = cv2.warpAffine(taken, shrunk, (small, small), flags=cv2.INTER_LINEAR)
        dim = depth * cv2.GaussianBlur(flat, (0, 0), small * 0.022)
        dim += np.float32(0.2) * cv2.GaussianBlur(flat, (0, 0), small * 0.06)
        left.append(1.0 - cv2.resize(dim, (size, size), interpolation=cv2.INTER_LINEAR))
    return left


def sensor_noise(rng: np.random.Generator, size: int) -> list[Plane]:
    """Draws sensor noise: a fine part that all colours share, and a coarser part for each.

    Args:
        rng: Source of randomness.
        size: Side of the picture in pixels.

    Returns:
        Levels to add to red, green and blue, each float32 [size, size].
    """
    strength = np.float32(rng.uniform(1.0, 2.4))
    common = strength * _normal(rng, (size, size))
    half = (size + 1) // 2
    own = (np.float32(0.6) * strength * _normal(rng, (half, half)) for _ in range(3))
    return [common + cv2.resize(plane, (size, size)) for plane in own]


def _dust(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Draws 0 to 13 specks and short fibres: uint8 [size, size], 255 is darkest."""
    dust = np.zeros((size, size), np.uint8)
    unit = size / 1000
    for _ in range(int(rng.integers(0, 14))):
        x, y = (rng.uniform(0.02, 0.98, 2) * size).tolist()
        if rng.random() < 0.25:
            width, height = (1 + rng.uniform(4.0, 14.0, 2) * unit).astype(int).tolist()
            start = int(rng.integers(360))
            arc = cv2.ellipse2Poly((int(x), int(y)), (width, height), 0, start, start + 140, 10)
            cv2.polylines(
                dust, [np.asarray(arc)], False, int(rng.integers(60, 130)), 1, cv2.LINE_AA
            )
        else:
            radius, centre = int(rng.uniform(0.8, 3.0) * unit * 16), (int(x * 16), int(y * 16))
            cv2.circle(dust, centre, radius, int(rng.integers(70, 190)), -1, cv2.LINE_AA, 4)
    return dust


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> Plane:
    """Draws nearly normal noise of mean 0 and deviation 1, as sums of four random bytes: fast."""
    raw = np.frombuffer(rng.bytes(4 * shape[0] * shape[1]), np.uint8).reshape(4, *shape)
    total = np.add(raw[0], raw[1], dtype=np.uint16)
    total += raw[2]
    total += raw[3]
    # A sum of four uniform bytes has mean 4 * 127.5 and variance 4 * (256 ** 2 - 1) / 12.
    noise: Plane = (total.astype(np.float32) - np.float32(510.0)) * np.float32(1.0 / 147.8)
    return noise
