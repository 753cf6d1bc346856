"""Drawn photographs of capsules, with exact masks, from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.classes import GOOD
from capsule_inspect.dataset.draw_body import Canvas, Field, Flaw, draw_look
from capsule_inspect.dataset.draw_defects import draw_flaw
from capsule_inspect.dataset.draw_ground import draw_ground, sensor_noise, shadow
from capsule_inspect.dataset.draw_shell import render

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
    """Draws one picture of one capsule.

    Pose, look, ground and noise depend on the seed alone, so that a defective capsule differs from
    the good one of its seed inside its mask only, but for the blur around it and, where `squeeze`
    changed the outline, the soft shadow. One seed gives one picture on every machine, within the
    few grey levels by which OpenCV's versions differ.

    Args:
        label: `good` or one of `DEFECTS`.
        seed: A whole number of 0 or more, or several of them.
        size: Height and width of the picture in pixels, at least 128.
        upright: Lie the capsule as MVTec AD's do: horizontal within 3 degrees, the dark half left,
            near full size. Otherwise it lies at any angle, at 0.55 to 1 of full size.

    Raises:
        ValueError: The label is unknown, the size below 128, or the seed negative.
    """
    if label != GOOD and label not in DEFECTS:
        raise ValueError(f"Cannot draw a capsule with {label!r}; there is good, {DEFECTS}.")
    if size < 128:
        raise ValueError(f"Cannot draw a picture of {size} pixels; the least is 128.")
    for_pose, for_look, for_flaw, for_ground, for_noise = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5)
    )
    pose = _draw_pose(for_pose, upright)
    pixels = pose.scale * size / _NOMINAL_SIZE
    canvas = Canvas.at(pixels)
    look = draw_look(for_look, pixels, mvtec_like=bool(for_look.random() < 0.35))
    flaw = draw_flaw(label, look, canvas, for_flaw)

    clean = render(look, canvas, Flaw())
    shown = clean if label == GOOD else render(look, canvas, flaw)

    place = _placement(pose, canvas, size)
    # Only a new outline throws a new shadow: elsewhere good and defective share theirs.
    dimmed = shadow(shown if flaw.shift is not None else clean, place, size, for_ground)
    tint, paper = draw_ground(for_ground, size)
    ground = [paper * left * level for left, level in zip(dimmed, tint, strict=True)]
    picture = _photograph(_lay(shown, ground, place, size), for_noise)

    mask = np.zeros((size, size), np.uint8)
    if label != GOOD:
        changed = _changed(shown, clean, flaw, pixels)
        placed = cv2.warpAffine(changed, place, (size, size), flags=cv2.INTER_LINEAR)
        mask[placed >= 0.5] = 255
    return DrawnCapsule(picture, mask, label)


def draw_labels(count: int, seed: int) -> tuple[str, ...]:
    """Chooses the labels of a set: half good, the rest evenly over `DEFECTS`, in seeded order.

    Of an odd count, the larger half is good; what does not divide evenly goes to the first classes.
    """
    good = (count + 1) // 2
    labels = [GOOD] * good + [DEFECTS[i % len(DEFECTS)] for i in range(count - good)]
    order = np.random.default_rng(seed).permutation(count)
    return tuple(labels[i] for i in order)


def _draw_pose(rng: np.random.Generator, upright: bool) -> _Pose:
    """Chooses a pose that keeps the whole capsule in the picture, with a margin."""
    if upright:
        x, y = rng.uniform(-15.0, 15.0), rng.uniform(-40.0, 40.0)
        return _Pose(rng.uniform(0.97, 1.02), rng.uniform(-3.0, 3.0), (x, y))
    scale, degrees = rng.uniform(0.55, 1.0), rng.uniform(0.0, 360.0)
    along, half, thick = np.deg2rad(degrees), 440.0 * scale, 190.0 * scale
    reach_x = (half - thick) * abs(np.cos(along)) + thick
    reach_y = (half - thick) * abs(np.sin(along)) + thick
    free_x, free_y = max(0.0, 470.0 - reach_x), max(0.0, 470.0 - reach_y)
    return _Pose(scale, degrees, (rng.uniform(-free_x, free_x), rng.uniform(-free_y, free_y)))


def _placement(pose: _Pose, canvas: Canvas, size: int) -> NDArray[np.float64]:
    """The affine matrix from the canvas to the picture."""
    rows, columns = canvas.x.shape
    middle = np.array([columns // 2, rows // 2], np.float64)
    centre = (size - 1) / 2 + np.array(pose.shift) * size / _NOMINAL_SIZE
    sine, cosine = np.sin(np.deg2rad(pose.degrees)), np.cos(np.deg2rad(pose.degrees))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([turn, centre - turn @ middle])


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


def _lay(
    capsule: tuple[Field, Field], ground: list[Field], place: NDArray[np.float64], size: int
) -> list[Field]:
    """Put the capsule on the ground, plane by plane, touching only the box it covers."""
    rows, columns = capsule[1].shape
    corners = np.array([[0, 0, 1], [columns, 0, 1], [0, rows, 1], [columns, rows, 1]])
    reached = corners @ place.T
    left, top = np.clip(np.floor(reached.min(axis=0)), 0, size).astype(int)
    right, bottom = np.clip(np.ceil(reached.max(axis=0)) + 1, 0, size).astype(int)
    into = place - np.array([[0, 0, left], [0, 0, top]])
    box = (int(right - left), int(bottom - top))
    share = cv2.warpAffine(capsule[1], into, box, flags=cv2.INTER_LINEAR)
    for colour, plane in zip(capsule[0], ground, strict=True):
        placed = cv2.warpAffine(colour, into, box, borderMode=cv2.BORDER_REPLICATE)
        below = plane[top:bottom, left:right]
        below += share * (placed - below)
    return ground


def _photograph(scene: list[Field], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blur a scene as a lens does, add the sensor's noise, and round to bytes."""
    size = scene[0].shape[0]
    blur = rng.uniform(0.6, 1.0) * size / _NOMINAL_SIZE + 0.1
    planes = []
    for plane, noise in zip(scene, sensor_noise(rng, size), strict=True):
        exposed = cv2.GaussianBlur(plane, (0, 0), blur) + noise
        planes.append(np.clip(np.rint(exposed), 0.0, 255.0).astype(np.uint8))
    return np.asarray(cv2.merge(planes), np.uint8)
