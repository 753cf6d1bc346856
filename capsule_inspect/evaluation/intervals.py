"""95 % intervals."""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]


_Z = 1.959963984540054
"""The normal distribution's 97.5 % point."""
RESAMPLES = 2000
"""Number of bootstrap samples. With so many, chance moves the ends of an interval by about 6 % of
the estimate's standard error: sqrt(0.025 * 0.975 / 2000) / phi(1.96), phi the density of the normal
distribution."""

Interval = tuple[float, float]


def wilson(successes: int, n: int) -> Interval:
    """Interval of a proportion, within [0, 1] (Wilson, JASA 22, 1927).

    With 92 trials or more, at least 92.7 % of these intervals hold the true proportion if that is
    1.1 / n or more away from 0 and 1; nearer, their coverage dips to 84 %
    (`benchmarks/interval_coverage.py`).

    Args:
        successes: Number of successes.
        n: Number of trials, at least 1.

    Example:
        >>> low, high = wilson(0, 206)  # no false alarm on 206 good pictures
        >>> f"{low:.3f} to {high:.3f}"
        '0.000 to 0.018'
    """
    p, z2 = successes / n, _Z * _Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # Rounding must not keep an end from the proportion itself.
    return min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half))


def bootstrap_mean(values: Sequence[float]) -> Interval:
    """Interval of a mean by the percentile bootstrap (Efron and Tibshirani, 1993), seeded.

    About 94 % of the intervals of 92 overlaps hold the true mean, but fewer where values are few:
    down to 83 % of those of 18 (`benchmarks/interval_coverage.py`).

    Args:
        values: At least one.
    """
    array = np.asarray(values, np.float64)
    picks = np.random.default_rng(0).integers(0, array.size, (RESAMPLES, array.size))
    return percentiles(array[picks].mean(axis=1))


def resample(defective: Flags, times: int) -> Floats:
    """Draws bootstrap samples of pictures, seeded; good and defective ones are drawn separately.

    So every sample has both kinds, and what needs both is defined on it.

    Args:
        defective: bool [n], which pictures are defective.
        times: Number of samples.

    Returns:
        float64 [times, n]: how often each picture is in each sample.
    """
    generator = np.random.default_rng(0)
    weights = np.zeros((times, defective.size))
    for kind in (defective, ~defective):
        if n := int(kind.sum()):
            weights[:, kind] = generator.multinomial(n, np.full(n, 1 / n), times)
    return weights


def percentiles(estimates: Floats) -> Interval:
    """Interval from the estimates on bootstrap samples: their 2.5 % and 97.5 % points.

    Args:
        estimates: float64 [samples]; NaN, where a sample allows none, does not count.
    """
    low, high = np.nanquantile(estimates, (0.025, 0.975))
    return float(low), float(high)


def newcombe_auroc(auroc: float, positives: int, negatives: int) -> Interval:
    """Interval of an AUROC (Newcombe, Statistics in Medicine 25, 2006).

    Solves |auroc - A| = z sqrt(V(A)) for A with the variance of Hanley and McNeil (Radiology 143,
    1982), whichever kind of picture it takes for the less spread in score: the larger of both.
    Newcombe's method 5 puts the mean of both sample sizes in the place of each, and is too narrow
    where the fewer pictures are the more spread.

    With 92 defective pictures and 206 good ones, 95 % of these intervals or more hold the true
    AUROC where the scores of the defective ones are up to twice as spread as those of the good
    ones, and 92 to 95 % at three times (`benchmarks/interval_coverage.py`).

    Args:
        auroc: The estimate, in [0, 1].
        positives: Number of defective pictures, at least 1.
        negatives: Number of good pictures, at least 1.
    """

    def excess(true: float) -> float:
        fewer, more = sorted((positives, negatives))
        low, high = sorted(((1 - true) / (2 - true), true / (1 + true)))
        spread = 1 + (fewer - 1) * low + (more - 1) * high
        variance = true * (1 - true) * spread / (positives * negatives)
        return abs(auroc - true) - _Z * math.sqrt(variance)

    return _root(excess, 0.0, auroc), _root(excess, 1.0, auroc)


def _root(excess: Callable[[float], float], outer: float, inner: float) -> float:
    """Bisects between a value outside the interval and the estimate inside it."""
    if excess(outer) <= 0:
        return outer
    for _ in range(60):  # more often than a float has bits
        middle = (outer + inner) / 2
        if excess(middle) > 0:
            outer = middle
        else:
            inner = middle
    return (outer + inner) / 2
