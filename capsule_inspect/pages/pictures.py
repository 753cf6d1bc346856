"""Pictures for pages: thumbnails, and pictures with masks and findings drawn on them."""

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.choices import GOOD
from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.imaging.annotation import Annotation
from capsule_inspect.imaging.encode import encode_picture
from capsule_inspect.imaging.find_capsules import CapsuleBox, find_capsules
from capsule_inspect.imaging.overlay import draw_overlay
from capsule_inspect.imaging.picture import Picture
from capsule_inspect.inference.inspector import Finding, Inspector
from capsule_inspect.pages.elements import Shown


def make_thumbnail(picture: Picture, longest_side: int = 400) -> str:
    """Shrinks a picture and returns it as a `data:` URL.

    Args:
        picture: uint8 RGB, [H, W, 3].
        longest_side: Longest side of the result in pixels; smaller pictures keep their size.
    """
    scale = longest_side / max(picture.shape[:2])
    if scale < 1:
        size = (
            max(1, round(picture.shape[1] * scale)),
            max(1, round(picture.shape[0] * scale)),
        )
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    data = base64.b64encode(encode_picture(picture, "jpg")).decode()
    return f"data:image/jpeg;base64,{data}"


def colour_map(values: NDArray[np.float32]) -> Picture:
    """Colours a map of values, from dark for 0 to bright for the largest.

    Args:
        values: float32 [H, W], at least 0.

    Returns:
        uint8 RGB, [H, W, 3].
    """
    top = max(float(values.max()), 1e-9)
    levels = np.asarray(255 * values / top, np.uint8)
    bgr = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


_LONGEST_SIDE = 560
_MARGIN = 0.12
"""Margin around the capsules for captions, as a share of their longest side."""


def illustrate(data: DataSet, sample: Sample, inspector: Inspector) -> tuple[Shown, Shown]:
    """Draws the truth on a picture, and beside it the findings of a model.

    Args:
        data: The data set the sample is of.
        sample: The picture.
        inspector: The model.

    Raises:
        PictureError: The picture or its mask cannot be read.
    """
    picture, mask = data.read(sample)
    findings = inspector.inspect(picture)
    boxes = [finding.crop.box for finding in findings] or [CapsuleBox.of_whole(picture)]
    decided = draw_overlay(picture, findings)
    return (
        Shown(_cut(_draw_truth(sample, picture, mask, boxes), boxes), "true"),
        Shown(_cut(decided, boxes), _describe(findings)),
    )


def show_truth(data: DataSet, sample: Sample, sees_capsules: bool = True) -> Shown:
    """Draws the true label and mask on a picture.

    Args:
        data: The data set the sample is of.
        sample: The picture.
        sees_capsules: Whether to outline and cut out capsules; other products are shown whole.

    Raises:
        PictureError: The picture or its mask cannot be read.
    """
    picture, mask = data.read(sample)
    found = find_capsules(picture) if sees_capsules else ()
    boxes = found or [CapsuleBox.of_whole(picture)]
    return Shown(_cut(_draw_truth(sample, picture, mask, boxes), boxes))


def _draw_truth(
    sample: Sample,
    picture: Picture,
    mask: NDArray[np.bool_] | None,
    boxes: Sequence[CapsuleBox],
) -> Picture:
    is_defect = sample.label != GOOD
    # The label is the picture's; its capsules have none of their own.
    return draw_overlay(picture, [Annotation(boxes[0], sample.label, None, is_defect, mask)])


def _cut(drawn: Picture, boxes: Sequence[CapsuleBox]) -> str:
    left, top, right, bottom = _bounds(drawn, boxes)
    return make_thumbnail(drawn[top:bottom, left:right], _LONGEST_SIDE)


def _describe(findings: Sequence[Finding]) -> str:
    if not findings:
        return "no capsule found"
    score = max(finding.decision.defect_score for finding in findings)
    return f"decided, score {score:.3f}"


def _bounds(picture: Picture, boxes: Sequence[CapsuleBox]) -> tuple[int, int, int, int]:
    """Returns left, top, right and bottom of the part of a picture that shows the capsules."""
    height, width = picture.shape[:2]
    margin = _MARGIN * max(box.length for box in boxes)
    edges = []
    for box in boxes:
        turn = np.deg2rad(box.angle)
        along, across = np.abs([np.cos(turn), np.sin(turn)]), np.abs([np.sin(turn), np.cos(turn)])
        reach = (along * box.length + across * box.width) / 2 + margin
        edges.append((box.x - reach[0], box.y - reach[1], box.x + reach[0], box.y + reach[1]))
    lows, highs = np.min(edges, axis=0), np.max(edges, axis=0)
    return (
        max(0, int(lows[0])),
        max(0, int(lows[1])),
        min(width, int(np.ceil(highs[2]))),
        min(height, int(np.ceil(highs[3]))),
    )
