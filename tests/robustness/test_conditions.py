"""The same capsules under other lights, cameras and angles keep their labels."""

from collections.abc import Callable
from itertools import product

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from capsule_inspect.drawing.capsules import draw_capsule, draw_labels
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.inference.inspector import load

pytestmark = pytest.mark.slow

SEED, COUNT = 606, 20
"""Of drawn capsules that no training has seen."""


def dim(picture: Picture) -> Picture:
    """A lamp of two thirds the power."""
    return shine(picture, np.array([0.67, 0.67, 0.67]))


def warm(picture: Picture) -> Picture:
    """A yellow lamp."""
    return shine(picture, np.array([1.06, 1.0, 0.86]))


def from_the_side(picture: Picture) -> Picture:
    """A lamp from the left: a fifth brighter there, a fifth darker on the right."""
    across = np.linspace(1.2, 0.8, picture.shape[1])[None, :, None]
    return shine(picture, across)


def shine(picture: Picture, gain: NDArray[np.float64]) -> Picture:
    return np.clip(picture * gain, 0, 255).astype(np.uint8)


def small_and_soft(picture: Picture) -> Picture:
    """A camera of 30 % fewer pixels a side, a little out of focus."""
    smaller = cv2.resize(picture, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(smaller, (0, 0), 0.8), np.uint8)


def large_and_noisy(picture: Picture) -> Picture:
    """A camera of 30 % more pixels a side, with the noise of a small sensor."""
    larger = cv2.resize(picture, None, fx=1.3, fy=1.3, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 5, larger.shape)
    return np.clip(larger + noise, 0, 255).astype(np.uint8)


def turned(picture: Picture, degrees: float) -> Picture:
    """Turns about the centre, on a canvas filled from the border."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1)
    moved = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


LIGHTS: tuple[Callable[[Picture], Picture], ...] = (dim, warm, from_the_side)
CAMERAS: tuple[Callable[[Picture], Picture], ...] = (small_and_soft, large_and_noisy)
ANGLES = (0.0, 35.0, 90.0, 200.0)


def test_labels_stay_under_other_lights_cameras_and_angles():
    inspector = load()
    changed, seen, silent = [], 0, 0
    for number, truth in enumerate(draw_labels(COUNT, SEED)):
        picture = draw_capsule(truth, (SEED, number)).picture
        (plain,) = inspector.inspect(picture)
        for light, camera, angle in product(LIGHTS, CAMERAS, ANGLES):
            findings = inspector.inspect(camera(turned(light(picture), angle)))
            labels = [finding.decision.label for finding in findings]
            seen += 1
            if labels != [plain.decision.label]:
                conditions = f"{light.__name__}, {camera.__name__}, {angle:g} degrees"
                changed.append((number, truth, plain.decision.label, labels, conditions))
                silent += not any(finding.warnings for finding in findings)
    assert seen == COUNT * 24
    assert len(changed) <= 0.05 * seen, "\n".join(map(str, changed))
    # A turn moves some capsules beyond the border, where they look squeezed; their rows say so.
    assert silent <= 0.01 * seen, "\n".join(map(str, changed))
