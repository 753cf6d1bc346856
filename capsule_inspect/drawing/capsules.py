"""Draw pictures of capsules with and without defects, and their masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import GOOD
from capsule_inspect.drawing.canvas import NOMINAL_SIZE, Canvas, Plane, choose_pose
from capsule_inspect.drawing.defects import DEFECTS, changed_area, choose_flaw
from capsule_inspect.drawing.ground import draw_ground, sensor_noise, shadow
from capsule_inspect.drawing.shell import Flaw, Rendering, render_capsule
from capsule_inspect.drawing.style import choose_style

# In smaller pictures the digits on the smallest capsules have strokes thinner than a pixel.
_MIN_SIZE: Final = 128


@dataclass(frozen=True)
class DrawnCapsule:
    """A drawn picture with its true mask and label.

    Attributes:
        picture: uint8 RGB [H, W, 3].
        mask: uint8 [H, W], 255 on the defect, 0 elsewhere.
        label: `good` or one of `DEFECTS`.
    """

    picture: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    label: str


def draw_capsule(
    label: str, seed: int | Sequence[int], size: int = NOMINAL_SIZE, upright: bool = False
) -> DrawnCapsule:
    """Draws one picture of one capsule.

    Pose, style, ground and noise depend only on the seed. So a defective capsule differs from the
    good one with the same seed only inside its mask; the exceptions are the blur around the mask
    and, where `squeeze` changes the outline, the soft shadow. A seed gives the same picture on
    every machine, except for the few grey levels by which versions of OpenCV differ.

    Args:
        label: `good` or one of `DEFECTS`.
        seed: A whole number of at least 0, or several of them.
        size: Height and width of the picture in pixels, at least 128.
        upright: Place the capsule as in MVTec AD: horizontal within 3 degrees, the dark half on the
            left, near full size. Otherwise it lies at any angle, at 0.55 to 1 of full size.

    Raises:
        ValueError: The label is unknown, the size below 128, or the seed negative.
    """
    if label != GOOD and label not in DEFECTS:
        known = ", ".join((GOOD, *DEFECTS))
        raise ValueError(f"Cannot draw a capsule with {label!r}; it can be one of {known}.")
    if size < _MIN_SIZE:
        raise ValueError(f"Cannot draw a picture of {size} pixels; the least is {_MIN_SIZE}.")
    for_pose, for_style, for_flaw, for_ground, for_noise = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(5)
    )
    pose = choose_pose(for_pose, upright)
    canvas = Canvas.at(pose.scale * size / NOMINAL_SIZE)
    style = choose_style(for_style, canvas.pixels, mvtec_like=bool(for_style.random() < 0.35))
    flaw = choose_flaw(label, style, canvas, for_flaw)

    clean = render_capsule(style, canvas, Flaw())
    shown = clean if label == GOOD else render_capsule(style, canvas, flaw)

    place = pose.placement(canvas, size)
    # Only a new outline casts a new shadow; otherwise good and defective share theirs.
    dimmed = shadow(shown if flaw.shift is not None else clean, place, size, for_ground)
    tint, paper = draw_ground(for_ground, size)
    ground = [paper * left * level for left, level in zip(dimmed, tint, strict=True)]
    picture = _photograph(_lay(shown, ground, place, size), for_noise)

    mask = np.zeros((size, size), np.uint8)
    if label != GOOD:
        changed = changed_area(shown, clean, flaw, canvas.pixels)
        placed = cv2.warpAffine(changed, place, (size, size), flags=cv2.INTER_LINEAR)
        mask[placed >= 0.5] = 255
    return DrawnCapsule(picture, mask, label)


def _lay(
    capsule: Rendering, ground: list[Plane], place: NDArray[np.float64], size: int
) -> list[Plane]:
    """Draws the capsule onto the ground, in place; only the box it covers changes."""
    rows, columns = capsule.cover.shape
    corners = np.array([[0, 0, 1], [columns, 0, 1], [0, rows, 1], [columns, rows, 1]])
    reached = corners @ place.T
    left, top = np.clip(np.floor(reached.min(axis=0)), 0, size).astype(int)
    right, bottom = np.clip(np.ceil(reached.max(axis=0)) + 1, 0, size).astype(int)
    into = place - np.array([[0, 0, left], [0, 0, top]])
    box = (int(right - left), int(bottom - top))
    share = cv2.warpAffine(capsule.cover, into, box, flags=cv2.INTER_LINEAR)
    for colour, plane in zip(capsule.colours, ground, strict=True):
        placed = cv2.warpAffine(colour, into, box, borderMode=cv2.BORDER_REPLICATE)
        below = plane[top:bottom, left:right]
        below += share * (placed - below)
    return ground


def _photograph(scene: list[Plane], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blurs a scene as a lens does, adds sensor noise, and rounds to bytes."""
    size = scene[0].shape[0]
    blur = rng.uniform(0.6, 1.0) * size / NOMINAL_SIZE + 0.1
    planes = []
    for plane, noise in zip(scene, sensor_noise(rng, size), strict=True):
        exposed = cv2.GaussianBlur(plane, (0, 0), blur) + noise
        planes.append(np.clip(np.rint(exposed), 0.0, 255.0).astype(np.uint8))
    return np.asarray(cv2.merge(planes), np.uint8)


def draw_labels(count: int, seed: int) -> tuple[str, ...]:
    """Chooses the labels of a set: half good, the rest spread evenly over `DEFECTS`, shuffled.

    Of an odd count, the larger half is good. A remainder goes to the first classes of defects.

    Args:
        count: Number of labels, at least 0.
        seed: Decides the order.
    """
    good = (count + 1) // 2
    labels = [GOOD] * good + [DEFECTS[i % len(DEFECTS)] for i in range(count - good)]
    order = np.random.default_rng(seed).permutation(count)
    return tuple(labels[i] for i in order)
