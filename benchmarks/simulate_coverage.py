"""Coverage of confidence intervals: exact for shares, otherwise by seeded simulation."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from coverage_models import Floats, OverlapModel, ScoreModel

from capsule_inspect.evaluation.intervals import Interval, newcombe_auroc
from capsule_inspect.evaluation.metrics import estimate_average_precision

_SEED = 1
_HUGE = 2000
"""Number of studies whose pooled average precision counts as the true value."""


@dataclass(frozen=True)
class Coverage:
    """The coverage of an interval.

    Attributes:
        interval: The metric of the interval.
        model: Name of the model that pictures are drawn from, or of the range of shares.
        n: Number of pictures.
        true: The true value; None for a mean over several.
        coverage: Share of the intervals that hold the true value.
        simulations: Number of simulated intervals; 0 if the coverage is exact.
    """

    interval: str
    model: str
    n: int
    true: float | None
    coverage: float
    simulations: int


def cover_shares(interval: Callable[[int, int], Interval], n: int, shares: Floats) -> Floats:
    """Computes exact coverage: the binomial probability of counts whose interval holds the share.

    Args:
        interval: Returns an interval for a number of successes and n.
        n: Number of trials.
        shares: The true shares, of any shape.

    Returns:
        The coverage at each share.
    """
    covered = np.zeros_like(shares)
    for count in range(n + 1):
        low, high = interval(count, n)
        chance = math.comb(n, count) * shares**count * (1 - shares) ** (n - count)
        covered += np.where((low <= shares) & (shares <= high), chance, 0)
    return covered


def cover_ranking(
    interval: Callable[[Floats, Floats], Interval],
    model: ScoreModel,
    true: float,
    simulations: int,
) -> float:
    """Simulates the coverage of an interval of a ranking metric.

    Args:
        interval: Returns an interval for the scores of good and of defective pictures.
        model: The model to draw scores from.
        true: The true value.
        simulations: Number of studies to draw.
    """
    generator = np.random.default_rng(_SEED)
    return _share_that_hold((interval(*model.draw(generator)) for _ in range(simulations)), true)


def cover_mean(
    interval: Callable[[list[float]], Interval], model: OverlapModel, simulations: int
) -> float:
    """Simulates the coverage of an interval of a mean overlap.

    Args:
        interval: Returns an interval for overlaps.
        model: The model to draw overlaps from.
        simulations: Number of studies to draw.
    """
    studies = model.draw(np.random.default_rng(_SEED), simulations)
    return _share_that_hold(map(interval, studies.tolist()), model.mean)


def newcombe_interval(good: Floats, defective: Floats) -> Interval:
    """Returns Newcombe's interval of the AUROC of scores without ties."""
    auroc = np.searchsorted(np.sort(good), defective).mean() / good.size
    return newcombe_auroc(float(auroc), defective.size, good.size)


def average_precision_interval(good: Floats, defective: Floats) -> Interval:
    """Returns the bootstrap interval of average precision.

    Raises:
        ValueError: There are no good or no defective pictures.
    """
    metric = estimate_average_precision(good.tolist(), defective.tolist())
    if metric is None or metric.low is None or metric.high is None:
        raise ValueError("Average precision needs scores of good and of defective pictures.")
    return metric.low, metric.high


def true_average_precision(model: ScoreModel) -> float:
    """Returns the average precision of a sample so large that its error is negligible."""
    good, defective = model.draw(np.random.default_rng(_SEED), _HUGE)
    return average_precision(good, defective)


def average_precision(good: Floats, defective: Floats) -> float:
    """Computes average precision without ties: the mean precision at each defective picture."""
    above = good.size - np.searchsorted(np.sort(good), np.sort(defective)[::-1])
    hits = np.arange(1, defective.size + 1)
    return float((hits / (hits + above)).mean())


def _share_that_hold(intervals: Iterable[Interval], true: float) -> float:
    return float(np.mean([low <= true <= high for low, high in intervals]))
