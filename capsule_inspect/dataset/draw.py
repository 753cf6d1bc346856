"""Drawn photographs of capsules, with exact masks, from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.dataset.draw_body import (
    Canvas,
    Field,
    Flaw,
    draw_look,
    render,
)
from capsule_inspect.dataset.draw_defects import draw_flaw

DEFECTS: Final = ("crack", "faulty_imprint", "poke", "scratch", "squeeze")

# A change of fewer grey levels than this drowns in the noise; it is no defect to see.
_VISIBLE = 12.0
_NOMINAL_SIZE = 1000


@dataclass(frozen=True)
class DrawnCapsule:
    """A drawn picture and the truth about it.

    Attributes:
        picture: uint8 RGB [H, W, 3].
        mask: uint8 [H, W], 255 on the defect, 0 elsewhere.
        label: `good` or one of `DEFECTS`.
    """

    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    label: str


@dataclass(frozen=True)
class _Pose:
    scale: float
    degrees: float
    shift: tuple[float, float]


def draw_capsule(
    label: str, seed: int | Sequence[int], size: int = _NOMINAL_SIZE, upright: bool = False
) -> DrawnCapsule:
    """Draw one picture of one capsule.

    Pose, look, ground and noise depend on the seed alone, so that a defective capsule differs from
    the good one of its seed inside its mask only, but for the blur around it.

    Args:
        label: `good` or one of `DEFECTS`.
        seed: A whole number of 0 or more, or several of them.
        size: Height and width of the picture in pixels, at least 64.
        upright: Lie the capsule as MVTec AD's do: horizontal within 3 degrees, the dark half left,
            near full size. Otherwise it lies at any angle, at 0.55 to 1 of full size.

    Raises:
        ValueError: The label is unknown, the size below 64, or the seed negative.
    """
    if label != "good" and label not in DEFECTS:
        raise ValueError(f"Cannot draw a capsule with {label!r}; there is good, {DEFECTS}.")
    if size < 64:
        raise ValueError(f"Cannot draw a picture of {size} pixels; the least is 64.")
    for_pose, for_look, for_flaw, for_ground, for_noise = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5)
    )
    pose = _draw_pose(for_pose, upright)
    pixels = pose.scale * size / _NOMINAL_SIZE
    canvas = Canvas.at(pixels)
    look = draw_look(for_look, pixels, mvtec_like=bool(for_look.random() < 0.35))
    flaw = draw_flaw(label, look, canvas, for_flaw)

    clean = render(look, canvas, Flaw())
    shown = clean if label == "good" else render(look, canvas, flaw)

    place = _placement(pose, canvas, size)
    # Only a new outline throws a new shadow: elsewhere good and defective share theirs.
    shadow = _shadow(shown if flaw.shift is not None else clean, place, size, for_ground)
    ground = _draw_ground(for_ground, size)
    blur = float(for_noise.uniform(0.6, 1.0)) * size / _NOMINAL_SIZE + 0.1
    share = cv2.warpAffine(shown[1], place, (size, size), flags=cv2.INTER_LINEAR)
    noise = _sensor_noise(for_noise, size)
    planes = []
    for tint, light, colour, grey in zip(ground[0], shadow, shown[0], noise, strict=True):
        paper = ground[1] * light * tint
        placed = cv2.warpAffine(colour, place, (size, size), borderMode=cv2.BORDER_REPLICATE)
        scene = cv2.GaussianBlur(paper + share * (placed - paper), (0, 0), blur)
        planes.append(np.clip(np.rint(scene + grey), 0.0, 255.0).astype(np.uint8))
    picture = np.asarray(cv2.merge(planes), np.uint8)

    mask = np.zeros((size, size), np.uint8)
    if label != "good":
        changed = _changed(shown, clean, flaw, pixels)
        placed = cv2.warpAffine(changed, place, (size, size), flags=cv2.INTER_LINEAR)
        mask[placed >= 0.5] = 255
    return DrawnCapsule(picture, mask, label)


def draw_labels(count: int, seed: int) -> tuple[str, ...]:
    """Choose the labels of a set: half good, the rest evenly over `DEFECTS`, in seeded order.

    Of an odd count, the larger half is good; what does not divide evenly goes to the first classes.
    """
    good = (count + 1) // 2
    labels = ["good"] * good + [DEFECTS[i % len(DEFECTS)] for i in range(count - good)]
    order = np.random.default_rng(seed).permutation(count)
    return tuple(labels[i] for i in order)


def _draw_pose(rng: np.random.Generator, upright: bool) -> _Pose:
    """Choose a pose that keeps the whole capsule in the picture, with a margin."""
    if upright:
        x, y = rng.uniform(-15.0, 15.0), rng.uniform(-40.0, 40.0)
        return _Pose(rng.uniform(0.97, 1.02), rng.uniform(-3.0, 3.0), (x, y))
    scale, degrees = rng.uniform(0.55, 1.0), rng.uniform(0.0, 360.0)
    along, half, thick = np.deg2rad(degrees), 440.0 * scale, 150.0 * scale
    reach_x = (half - thick) * abs(np.cos(along)) + thick
    reach_y = (half - thick) * abs(np.sin(along)) + thick
    free_x, free_y = max(0.0, 470.0 - reach_x), max(0.0, 470.0 - reach_y)
    return _Pose(scale, degrees, (rng.uniform(-free_x, free_x), rng.uniform(-free_y, free_y)))


def _placement(pose: _Pose, canvas: Canvas, size: int) -> NDArray[np.float64]:
    """The affine matrix from the canvas to the picture."""
    rows, columns = canvas.x.shape
    turn = cv2.getRotationMatrix2D((columns // 2, rows // 2), -pose.degrees, 1.0)
    turn[:, 2] += (size - 1) / 2 - np.array([columns // 2, rows // 2])
    turn[:, 2] += np.array(pose.shift) * size / _NOMINAL_SIZE
    return np.asarray(turn, np.float64)


def _changed(
    now: tuple[Field, Field], clean: tuple[Field, Field], flaw: Flaw, pixels: float
) -> Field:
    """Where a defect visibly changed the shell, as a solid area: 0 or 1 on the canvas."""
    change = np.abs(now[0] - clean[0]).max(axis=0) * np.minimum(now[1], clean[1])
    seen = (change >= _VISIBLE) | (np.abs(now[1] - clean[1]) >= 0.5)
    if flaw.extent is not None:
        seen |= (flaw.extent > 0.0) & (np.maximum(now[1], clean[1]) >= 0.5)
    area = seen.astype(np.uint8)
    area = cv2.morphologyEx(area, cv2.MORPH_CLOSE, _disc(flaw.join * pixels))
    area = cv2.morphologyEx(area, cv2.MORPH_OPEN, _disc(3.0 * pixels))
    outlines, _ = cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(area, outlines, -1, 1, cv2.FILLED)
    return area.astype(np.float32)


def _disc(diameter: float) -> NDArray[np.uint8]:
    side = max(1, round(diameter)) | 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _draw_ground(rng: np.random.Generator, size: int) -> tuple[list[np.float32], Field]:
    """White paper under uneven light, with its grain and sometimes dust: its tint and its light.

    Returns:
        Red, green and blue in levels, and their share in each pixel, float32 [h, w].
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


def _dust(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Specks and short fibres, 0 to 13 of them; [h, w], 255 the darkest."""
    dust = np.zeros((size, size), np.uint8)
    unit = size / _NOMINAL_SIZE
    for _ in range(int(rng.integers(0, 14))):
        x, y = (rng.uniform(0.02, 0.98, 2) * size).tolist()
        if rng.random() < 0.25:
            width, height = (1 + rng.uniform(4.0, 14.0, 2) * unit).astype(int).tolist()
            start = int(rng.integers(360))
            arc = cv2.ellipse2Poly((int(x), int(y)), (width, height), 0, start, start + 140, 10)
            cv2.polylines(dust, [arc], False, int(rng.integers(60, 130)), 1, cv2.LINE_AA)
        else:
            radius, centre = int(rng.uniform(0.8, 3.0) * unit * 16), (int(x * 16), int(y * 16))
            cv2.circle(dust, centre, radius, int(rng.integers(70, 190)), -1, cv2.LINE_AA, 4)
    return dust


def _shadow(
    capsule: tuple[Field, Field], place: NDArray[np.float64], size: int, rng: np.random.Generator
) -> list[Field]:
    """What the capsule leaves of each colour's light around it; soft, so drawn at an eighth."""
    small = max(8, size // 8)
    depth = np.float32(rng.uniform(0.12, 0.2))
    shrunk = place * (small / size)
    shrunk[:, 2] += rng.uniform(-0.012, 0.012, 2) * small
    left = []
    for plane in capsule[0]:
        taken = capsule[1] * (1.0 - np.float32(0.45 / 255.0) * plane)
        flat = cv2.warpAffine(taken, shrunk, (small, small), flags=cv2.INTER_LINEAR)
        dim = depth * cv2.GaussianBlur(flat, (0, 0), small * 0.022)
        dim += np.float32(0.2) * cv2.GaussianBlur(flat, (0, 0), small * 0.06)
        left.append(1.0 - cv2.resize(dim, (size, size), interpolation=cv2.INTER_LINEAR))
    return left


def _sensor_noise(rng: np.random.Generator, size: int) -> list[Field]:
    """Noise for red, green and blue: a fine common part, and a coarser one of each."""
    strength = np.float32(rng.uniform(1.0, 2.4))
    common = strength * _normal(rng, (size, size))
    half = (size + 1) // 2
    own = (np.float32(0.6) * strength * _normal(rng, (half, half)) for _ in range(3))
    return [common + cv2.resize(plane, (size, size)) for plane in own]


def _normal(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Nearly normal noise: the sum of four random bytes, ten times as fast as the real thing."""
    raw = np.frombuffer(rng.bytes(4 * shape[0] * shape[1]), np.uint8).reshape(4, *shape)
    total = raw[0].astype(np.float32)
    for more in raw[1:]:
        total += more
    # A sum of four uniform bytes has mean 4 * 127.5 and variance 4 * (256 ** 2 - 1) / 12.
    return (total - np.float32(510.0)) * np.float32(1.0 / 147.8)
