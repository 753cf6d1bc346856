"""Pixel metrics: Dice, IoU, pixel AUROC, AUPRO and the best pixel F1."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from capsule_inspect.evaluation.intervals import (
    NO_INTERVAL,
    Floats,
    Interval,
    NoInterval,
    can_resample,
    percentiles,
    resample,
)
from capsule_inspect.inference.decide import defect_map
from capsule_inspect.inference.inspector import Finding
from capsule_inspect.modelfile.metadata import Metric

LEVELS = 1024
"""Number of levels that defect probabilities are quantized to.

A picture takes 6 kB, and no metric of the capsules differs by 1e-6 from that of 65,536 levels."""
_MAX_LOGIT = 18.0
"""Beyond log-odds of about 17, float32 probabilities are 0 or 1."""


@dataclass(frozen=True, eq=False)
class PixelTally:
    """Histograms of the defect probabilities of one picture; empty levels are left out.

    Attributes:
        sound_levels: int16 [a], ascending: levels of sound pixels (not defect by the true mask).
        sound_counts: int32 [a]: number of sound pixels at each level.
        defect_levels: int16 [b], ascending: levels of defect pixels.
        defect_counts: int32 [b]: number of defect pixels at each level.
        region_shares: float64 [b]: share of a region at each level, summed over the regions.
        regions: Number of 8-connected regions of the true mask.
    """

    sound_levels: NDArray[np.int16]
    sound_counts: NDArray[np.int32]
    defect_levels: NDArray[np.int16]
    defect_counts: NDArray[np.int32]
    region_shares: NDArray[np.float64]
    regions: int


def tally_findings(findings: Sequence[Finding], truth: NDArray[np.bool_]) -> PixelTally | None:
    """Counts the pixels of a picture by defect probability, before any threshold.

    Args:
        findings: The capsules of the picture. Where their windows overlap, the highest probability
            counts; outside all windows it is 0.
        truth: bool [H, W], which pixels are defect.

    Returns:
        None if the model has no mask head.
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
    """Counts the pixels of a picture by defect probability.

    Args:
        probability: float32 [H, W], defect probability of each pixel, in [0, 1].
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
        sound_levels=at_sound.astype(np.int16),
        sound_counts=sound_counts[at_sound].astype(np.int32),
        defect_levels=at_defect.astype(np.int16),
        defect_counts=defect_counts[at_defect].astype(np.int32),
        region_shares=region_shares[at_defect].astype(np.float64),
        regions=count - 1,
    )


def quantize(probability: NDArray[np.float32]) -> NDArray[np.int32]:
    """Quantizes probabilities to evenly spaced levels of log-odds.

    Args:
        probability: Values in [0, 1], of any shape.

    Returns:
        int32 of the same shape, in [0, LEVELS).
    """
    levels = np.zeros(probability.shape, np.int32)
    likely = probability > 0  # computed only there: a capsule fills a third of its picture
    values = probability[likely].astype(np.float64)
    with np.errstate(divide="ignore"):
        logits = np.log(values) - np.log1p(-values)
    place = np.clip(logits / _MAX_LOGIT, -1, 1) / 2 + 0.5
    levels[likely] = np.rint(place * (LEVELS - 1))
    return levels


PIXEL_METRICS = ("pixel_auroc", "aupro", "pixel_f1")
"""The metrics that need pixel tallies."""
FALSE_POSITIVE_LIMIT = 0.3
"""Highest false positive rate that AUPRO covers (Bergmann et al., IJCV 129, 2021)."""
_PIXEL_RESAMPLES = 500
"""Number of bootstrap samples: a quarter of `RESAMPLES`, since each sample costs a pass over all
levels. For 298 pictures of 1000 x 1000 pixels they take 8 s instead of 18 s."""
_BLOCK = 32
"""Number of levels per block: all levels of all pictures at once would not fit in memory."""

_Histogram = tuple[NDArray[np.int16], NDArray[np.int32] | Floats]
"""Levels, ascending, and the value at each."""


def measure_pixels(tallies: Sequence[PixelTally]) -> tuple[Metric, ...]:
    """Computes `PIXEL_METRICS`, with bootstrap intervals if no kind has a single picture.

    `pixel_auroc` is the chance that a defect pixel outscores a sound one; ties count half. `aupro`
    (Bergmann et al., "The MVTec anomaly detection dataset", IJCV 129, 2021) is the area under the
    per-region overlap curve: the mean share of each 8-connected true region that is predicted, over
    the false positive rate. The area ends at `FALSE_POSITIVE_LIMIT` and is divided by it; between
    thresholds the curve is linear. `pixel_f1` is the F1 of defect pixels at the threshold that is
    best for all pictures together.

    Args:
        tallies: One per picture, including good ones.

    Returns:
        The metrics over all pictures; empty without defect pixels or without sound ones.
    """
    defective = np.array([tally.regions > 0 for tally in tallies], np.bool_)
    if not defective.any() or not any(tally.sound_counts.size for tally in tallies):
        return ()
    values = _measure(tallies, np.ones((1, len(tallies))))
    intervals: list[Interval | NoInterval] = [NO_INTERVAL] * len(values)
    if can_resample(defective):
        blocks = [_measure(tallies, block) for block in resample(defective, _PIXEL_RESAMPLES)]
        intervals = [percentiles(np.concatenate(of_one)) for of_one in zip(*blocks, strict=True)]
    return tuple(
        Metric(name, float(value[0]), len(tallies), *interval)
        for name, value, interval in zip(PIXEL_METRICS, values, intervals, strict=True)
    )


def _measure(tallies: Sequence[PixelTally], weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Computes `PIXEL_METRICS` for each bootstrap sample.

    Args:
        tallies: One per picture.
        weights: float64 [samples, pictures]; the count of each picture in each sample.

    Returns:
        AUROC, AUPRO and the best F1, float64 [samples]; the first two are NaN for a sample without
        sound pixels.
    """
    levels = _levels_that_occur(tallies)
    sound = [(each.sound_levels, each.sound_counts) for each in tallies]
    defect = [(each.defect_levels, each.defect_counts) for each in tallies]
    overlap = [(each.defect_levels, each.region_shares) for each in tallies]
    sound_pixels = weights @ np.array([each.sound_counts.sum() for each in tallies], np.float64)
    sound_pixels[sound_pixels == 0] = np.nan
    defect_pixels = weights @ np.array([each.defect_counts.sum() for each in tallies], np.float64)
    regions = weights @ np.array([each.regions for each in tallies], np.float64)
    limit = FALSE_POSITIVE_LIMIT * sound_pixels
    auroc, aupro, f1 = (np.zeros(len(weights)) for _ in PIXEL_METRICS)
    curves = (_cumulate(histograms, weights, levels) for histograms in (sound, defect, overlap))
    for false_positives, true_positives, overlaps in zip(*curves, strict=True):
        auroc += _area(false_positives, true_positives, sound_pixels)
        aupro += _area(false_positives, overlaps, limit)
        called = false_positives + true_positives
        f1 = np.maximum(f1, (2 * true_positives / (called + defect_pixels[:, None])).max(axis=1))
    # The sum of the region shares can exceed the number of regions by rounding.
    aupro = np.minimum(1.0, aupro / (limit * regions))
    return auroc / (sound_pixels * defect_pixels), aupro, f1


def _levels_that_occur(tallies: Sequence[PixelTally]) -> NDArray[np.intp]:
    """Returns the levels that occur, ascending; the others need not cost anything."""
    occurs = np.zeros(LEVELS, np.bool_)
    for each in tallies:
        occurs[each.sound_levels] = occurs[each.defect_levels] = True
    return np.flatnonzero(occurs)


def _cumulate(
    histograms: Sequence[_Histogram], weights: Floats, levels: NDArray[np.intp]
) -> Iterator[Floats]:
    """Computes the cumulative weighted sum of histograms, from the highest level down.

    Args:
        histograms: One per picture.
        weights: float64 [samples, pictures].
        levels: The levels that occur, ascending.

    Yields:
        float64 [samples, at most _BLOCK + 1], block by block; each starts with the last value of
        the one before it.
    """
    # Pictures with an empty histogram would only enlarge the matrix product.
    rows = [row for row, (own, _) in enumerate(histograms) if own.size]
    if len(rows) < len(histograms):  # a copy of all weights would not be small
        histograms, weights = [histograms[row] for row in rows], weights[:, rows]
    reached = np.zeros((len(weights), 1))
    for high in range(len(levels), 0, -_BLOCK):
        steps = weights @ _dense(histograms, levels[max(0, high - _BLOCK) : high])
        block = np.concatenate([reached, reached + np.cumsum(steps, axis=1)], axis=1)
        reached = block[:, -1:]
        yield block


def _dense(histograms: Sequence[_Histogram], levels: NDArray[np.intp]) -> Floats:
    """Returns the values of each picture at some levels, the highest level first.

    Args:
        histograms: One per picture.
        levels: Ascending; all that occur between the first and the last of them.
    """
    dense = np.zeros((len(histograms), len(levels)))
    place = np.zeros(levels[-1] + 1, np.intp)
    place[levels] = np.arange(len(levels))
    for row, (own, counts) in zip(dense, histograms, strict=True):
        start, stop = np.searchsorted(own, (levels[0], levels[-1] + 1))
        row[place[own[start:stop]]] = counts[start:stop]
    return dense[:, ::-1]


def _area(x: Floats, y: Floats, limit: Floats) -> Floats:
    """Integrates rising, piecewise linear curves up to x = `limit`.

    Args:
        x: float64 [samples, points], ascending.
        y: float64 [samples, points].
        limit: float64 [samples].

    Returns:
        float64 [samples].
    """
    steps = np.diff(x, axis=1)
    widths = np.clip(limit[:, None] - x[:, :-1], 0, steps)
    inside = np.divide(widths, steps, out=np.zeros_like(steps), where=steps > 0)
    heights = y[:, :-1] + np.diff(y, axis=1) * inside / 2
    return np.asarray((widths * heights).sum(axis=1), np.float64)


@dataclass(frozen=True)
class Overlap:
    """Pixel counts of two masks of one picture.

    Attributes:
        intersection: Pixels in both masks.
        predicted: Pixels in the predicted mask.
        true: Pixels in the true mask.
    """

    intersection: int
    predicted: int
    true: int

    def __post_init__(self) -> None:
        """Raises ValueError if the counts are not of two masks."""
        if not 0 <= self.intersection <= min(self.predicted, self.true):
            raise ValueError(
                f"masks of {self.true} and {self.predicted} pixels cannot have "
                f"{self.intersection} in common"
            )

    @property
    def dice(self) -> float:
        """2 |A and B| / (|A| + |B|), in [0, 1] (Dice, 1945); 1 if both masks are empty."""
        total = self.predicted + self.true
        return 2 * self.intersection / total if total else 1.0

    @property
    def iou(self) -> float:
        """|A and B| / |A or B|, in [0, 1] (Jaccard, 1912); 1 if both masks are empty."""
        union = self.predicted + self.true - self.intersection
        return self.intersection / union if union else 1.0


def measure_overlap(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> Overlap:
    """Counts the pixels of two masks.

    Args:
        predicted: bool [H, W], the predicted mask.
        true: bool [H, W], the true mask.

    Example:
        >>> true = np.array([[True, True, False, False]])
        >>> overlap = measure_overlap(np.array([[False, True, True, False]]), true)
        >>> overlap.dice, round(overlap.iou, 3)
        (0.5, 0.333)
    """
    return Overlap(
        intersection=int(np.count_nonzero(predicted & true)),
        predicted=int(np.count_nonzero(predicted)),
        true=int(np.count_nonzero(true)),
    )
