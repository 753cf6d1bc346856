"""How likely the pixels of one picture were called defect, counted by truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.inference.decide import defect_map
from capsule_inspect.inference.inspector import Finding

LEVELS = 65_536
"""How many levels of likelihood are told apart."""
_LARGEST_LOGIT = 18.0
"""float32 tells no probability but 0 and 1 beyond log-odds of about 17."""


@dataclass(frozen=True, eq=False)
class PixelTally:
    """The pixels of one picture by level of likelihood; levels without a pixel are left out.

    Attributes:
        sound_levels: int32 [a], ascending: the levels of pixels that are sound.
        sound_counts: int32 [a]: how many there are of each.
        defect_levels: int32 [b], ascending: the levels of pixels that are defect.
        defect_counts: int32 [b]: how many there are of each.
        region_shares: float64 [b]: which share of its region they are, summed over the regions.
        regions: Number of 8-connected regions of the true mask.
    """

    sound_levels: NDArray[np.int32]
    sound_counts: NDArray[np.int32]
    defect_levels: NDArray[np.int32]
    defect_counts: NDArray[np.int32]
    region_shares: NDArray[np.float64]
    regions: int


def tally_findings(findings: Sequence[Finding], truth: NDArray[np.bool_]) -> PixelTally | None:
    """Counts the pixels of a picture by its continuous defect maps, whatever was decided.

    Args:
        findings: The capsules of the picture. Of several maps the largest value counts; a pixel
            in no window, and all of a picture without a capsule, is as unlikely as can be.
        truth: bool [H, W], which pixels are defect.

    Returns:
        None for findings of a model without a mask head.
    """
    shape = truth.shape[0], truth.shape[1]
    maps = [
        defect_map(finding.outputs.mask_logits, finding.crop, shape)
        for finding in findings
        if finding.outputs.mask_logits is not None
    ]
    if findings and not maps:
        return None
    return tally_pixels(np.maximum.reduce([np.zeros(shape, np.float32), *maps]), truth)


def tally_pixels(probability: NDArray[np.float32], truth: NDArray[np.bool_]) -> PixelTally:
    """Counts the pixels of a picture.

    Args:
        probability: float32 [H, W], how likely each pixel is defect, in [0, 1].
        truth: bool [H, W], which pixels are defect.
    """
    levels = quantize(probability)
    count, regions = cv2.connectedComponents(truth.astype(np.uint8), connectivity=8)
    region_of, defect = regions[truth], levels[truth]
    shares = 1.0 / np.maximum(1, np.bincount(region_of, minlength=count))
    defect_counts = np.bincount(defect, minlength=LEVELS)
    sound_counts = np.bincount(levels[~truth], minlength=LEVELS)
    region_shares = np.bincount(defect, weights=shares[region_of], minlength=LEVELS)
    at_sound, at_defect = np.flatnonzero(sound_counts), np.flatnonzero(defect_counts)
    return PixelTally(
        sound_levels=at_sound.astype(np.int32),
        sound_counts=sound_counts[at_sound].astype(np.int32),
        defect_levels=at_defect.astype(np.int32),
        defect_counts=defect_counts[at_defect].astype(np.int32),
        region_shares=region_shares[at_defect].astype(np.float64),
        regions=count - 1,
    )


def quantize(probability: NDArray[np.float32]) -> NDArray[np.int32]:
    """Maps probabilities to even steps of their log-odds.

    Args:
        probability: In [0, 1], of any shape.

    Returns:
        int32 of that shape, in [0, LEVELS).
    """
    levels = np.zeros(probability.shape, np.int32)
    likely = probability > 0  # mostly false: a capsule fills a third of its picture
    values = probability[likely].astype(np.float64)
    with np.errstate(divide="ignore"):
        logits = np.log(values) - np.log1p(-values)
    place = np.clip(logits / _LARGEST_LOGIT, -1, 1) / 2 + 0.5
    levels[likely] = np.rint(place * (LEVELS - 1))
    return levels
