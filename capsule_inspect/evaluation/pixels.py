"""How well pixels are told apart, over all pictures whose true mask is known."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from capsule_inspect.evaluation.intervals import percentiles, resample
from capsule_inspect.evaluation.pixel_tally import LEVELS, PixelTally
from capsule_inspect.modelfile.metadata import Metric

PIXEL_METRICS = ("pixel_auroc", "aupro")
"""The metrics that need the pixels of the defect maps."""
FALSE_POSITIVE_LIMIT = 0.3
"""Up to which share of the sound pixels AUPRO looks (Bergmann et al., IJCV 129, 2021)."""
_RESAMPLES = 500
_BLOCK = 1024
"""How many levels are held at once: all of them, for all samples, would not fit in memory."""

Floats = NDArray[np.float64]
_Histogram = tuple[NDArray[np.int32], NDArray[np.int32] | Floats]
"""Levels, ascending, and what is counted at each."""


def measure_pixels(tallies: Sequence[PixelTally]) -> tuple[Metric, ...]:
    """Computes `PIXEL_METRICS`, with bootstrap intervals over pictures.

    `pixel_auroc` is the chance that a defect pixel scores above a sound one; ties count half.
    `aupro` is the area under the mean overlap of predicted pixels with each 8-connected region of
    the true masks against the share of sound pixels predicted, up to `FALSE_POSITIVE_LIMIT` and
    divided by it (Bergmann et al., "The MVTec anomaly detection dataset", IJCV 129, 2021); between
    thresholds the curve is straight.

    Args:
        tallies: One per picture, good ones among them.

    Returns:
        Both metrics, of all the pictures; none without defect pixels or without sound ones.
    """
    defective = np.array([tally.regions > 0 for tally in tallies], np.bool_)
    if not defective.any() or not any(tally.sound_counts.size for tally in tallies):
        return ()
    values = _areas(tallies, np.ones((1, len(tallies))))
    samples = _areas(tallies, resample(defective, _RESAMPLES))
    return tuple(
        Metric(name, float(value[0]), len(tallies), *percentiles(sample))
        for name, value, sample in zip(PIXEL_METRICS, values, samples, strict=True)
    )


def _areas(tallies: Sequence[PixelTally], weights: Floats) -> tuple[Floats, Floats]:
    """Computes both areas for each row of weights.

    Args:
        tallies: One per picture.
        weights: float64 [samples, pictures]; how often each picture counts.

    Returns:
        AUROC and AUPRO, float64 [samples]; NaN for a sample without sound pixels.
    """
    blocks = zip(
        _curve([(each.sound_levels, each.sound_counts) for each in tallies], weights),
        _curve([(each.defect_levels, each.defect_counts) for each in tallies], weights),
        _curve([(each.defect_levels, each.region_shares) for each in tallies], weights),
        strict=True,
    )
    auroc, aupro = np.zeros(len(weights)), np.zeros(len(weights))
    for false_positives, true_positives, overlaps in blocks:
        auroc += _area(false_positives, true_positives, 1.0)
        aupro += _area(false_positives, overlaps, FALSE_POSITIVE_LIMIT)
    return auroc, aupro / FALSE_POSITIVE_LIMIT


def _curve(histograms: Sequence[_Histogram], weights: Floats) -> Iterator[Floats]:
    """Cumulates a weighted sum of histograms from the highest level down, as a share of all of it.

    Args:
        histograms: One per picture.
        weights: float64 [samples, pictures].

    Yields:
        float64 [samples, _BLOCK + 1], block by block; each begins where the one before it ended.
    """
    # Pictures of which nothing is counted would only make the product of matrices larger.
    rows = [row for row, (levels, _) in enumerate(histograms) if levels.size]
    chosen, weights = [histograms[row] for row in rows], weights[:, rows]
    total = (weights @ np.array([counts.sum() for _, counts in chosen], np.float64))[:, None]
    total[total == 0] = np.nan
    reached = np.zeros((len(weights), 1))
    for low in range(LEVELS - _BLOCK, -1, -_BLOCK):
        steps = weights @ _dense(chosen, low) / total
        block = np.concatenate([reached, reached + np.cumsum(steps, axis=1)], axis=1)
        reached = block[:, -1:]
        yield block


def _dense(histograms: Sequence[_Histogram], low: int) -> Floats:
    """Returns the counts of the levels from `low` on, the highest first: [pictures, _BLOCK]."""
    dense = np.zeros((len(histograms), _BLOCK))
    for row, (levels, counts) in zip(dense, histograms, strict=True):
        start, stop = np.searchsorted(levels, np.array([low, low + _BLOCK], np.int32))
        row[levels[start:stop] - low] = counts[start:stop]
    return dense[:, ::-1]


def _area(x: Floats, y: Floats, limit: float) -> Floats:
    """Integrates rising curves, straight between their points, up to x = `limit`.

    Args:
        x: float64 [samples, points], ascending.
        y: The same shape.
        limit: Where to stop.

    Returns:
        float64 [samples].
    """
    steps = np.diff(x, axis=1)
    widths = np.clip(limit - x[:, :-1], 0, steps)
    inside = np.divide(widths, steps, out=np.zeros_like(steps), where=steps > 0)
    heights = y[:, :-1] + np.diff(y, axis=1) * inside / 2
    return np.asarray((widths * heights).sum(axis=1), np.float64)
