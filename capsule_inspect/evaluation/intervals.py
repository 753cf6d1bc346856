"""95 % confidence intervals."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]


Z = 1.959963984540054
"""The normal distribution's 97.5 % point."""
RESAMPLES = 2000
"""Number of bootstrap samples. With 2000, the ends of an interval vary by about 6 % of the
estimate's standard error: sqrt(0.025 * 0.975 / 2000) / phi(1.96), where phi is the density of the
normal distribution."""

Interval = tuple[float, float]
NoInterval = tuple[None, None]
NO_INTERVAL: NoInterval = (None, None)
"""Where the pictures do not tell how sure an estimate is."""


def wilson(successes: int, n: int) -> Interval:
    """Returns Wilson's interval of a proportion, within [0, 1] (JASA 22, 1927).

    With 92 or more trials, the coverage is at least 92.7 % if the true proportion is 1.1 / n or
    more away from 0 and 1; closer to them, it drops to 84 % (`benchmarks/interval_coverage.py`).

    Args:
        successes: Number of successes.
        n: Number of trials, at least 1.

    Example:
        >>> low, high = wilson(0, 206)  # no false alarm on 206 good pictures
        >>> f"{low:.3f} to {high:.3f}"
        '0.000 to 0.018'
    """
    p, z2 = successes / n, Z * Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # Rounding must not exclude the proportion itself.
    return min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half))


def bootstrap_mean(values: Sequence[float]) -> Interval:
    """Returns the percentile bootstrap interval of a mean (Efron and Tibshirani, 1993), seeded.

    The coverage is about 94 % for 92 overlaps and falls with their number, to 83 % for 18
    (`benchmarks/interval_coverage.py`).

    Args:
        values: At least two values that differ; others do not tell how far a mean may be off.
    """
    array = np.asarray(values, np.float64)
    generator = np.random.default_rng(0)
    means = [
        array[generator.integers(0, array.size, (count, array.size))].mean(axis=1)
        for count in _blocks(RESAMPLES, array.size)
    ]
    return percentiles(np.concatenate(means))


def resample(defective: Flags, times: int) -> Iterator[Floats]:
    """Draws bootstrap samples of pictures, seeded and stratified into good and defective ones.

    Every sample then has both kinds, as rankings need.

    Args:
        defective: bool [n], which pictures are defective.
        times: Number of samples.

    Yields:
        float64 [block, n], the count of each picture in each sample; blocks of `times` samples in
        all, as large as memory for `_BLOCK_CELLS` allows.
    """
    kinds = [kind for kind in (defective, ~defective) if kind.any()]
    generators = [np.random.default_rng([0, number]) for number in range(len(kinds))]
    for block in _blocks(times, defective.size):
        weights = np.zeros((block, defective.size))
        for kind, generator in zip(kinds, generators, strict=True):
            n = int(kind.sum())
            weights[:, kind] = generator.multinomial(n, np.full(n, 1 / n), block)
        yield weights


_BLOCK_CELLS = 1_000_000
"""Most counts of pictures in a block of samples: 8 MB, whatever the number of pictures."""


def _blocks(times: int, n: int) -> Iterator[int]:
    """Yields the sizes of blocks of samples, each of n pictures."""
    size = max(1, _BLOCK_CELLS // n)
    for start in range(0, times, size):
        yield min(size, times - start)


def can_resample(defective: Flags) -> bool:
    """Tells whether the samples of `resample` differ in both kinds; a single picture cannot.

    Args:
        defective: bool [n], which pictures are defective.
    """
    return 1 not in (int(defective.sum()), int((~defective).sum()))


def percentiles(estimates: Floats) -> Interval:
    """Returns the 2.5 % and 97.5 % percentiles of bootstrap estimates.

    Args:
        estimates: float64 [samples]; NaN for samples without an estimate, which are ignored.
    """
    low, high = np.nanquantile(estimates, (0.025, 0.975))
    return float(low), float(high)


def newcombe_auroc(auroc: float, positives: int, negatives: int) -> Interval:
    """Returns a confidence interval of an AUROC (after Newcombe, Statistics in Medicine 25, 2006).

    It solves |auroc - A| = z sqrt(V(A)) for A, where V is the variance of Hanley and McNeil
    (Radiology 143, 1982). That variance depends on which class has the wider scores; the larger of
    the two values counts. Newcombe's method 5 replaces both sample sizes by their mean, and is too
    narrow if the smaller class has the wider scores.

    With 92 defective and 206 good pictures, the coverage is 95 % or more if the scores of defective
    pictures spread up to twice as wide as those of good ones, and 92 to 95 % at three times
    (`benchmarks/interval_coverage.py`).

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
        return abs(auroc - true) - Z * math.sqrt(variance)

    return _root(excess, 0.0, auroc), _root(excess, 1.0, auroc)


def _root(excess: Callable[[float], float], outer: float, inner: float) -> float:
    """Bisects between a value outside the interval and the estimate inside it."""
    if excess(outer) <= 0:
        return outer
    for _ in range(60):  # more steps than a float has bits of precision
        middle = (outer + inner) / 2
        if excess(middle) > 0:
            outer = middle
        else:
            inner = middle
    return (outer + inner) / 2
