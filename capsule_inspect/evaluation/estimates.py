"""Metrics of single values per picture: each an estimate with its interval."""

from collections.abc import Sequence

import numpy as np

from capsule_inspect.evaluation.arrays import Flags, Floats
from capsule_inspect.evaluation.intervals import (
    RESAMPLES,
    bootstrap_mean,
    newcombe_auroc,
    percentiles,
    resample,
    wilson,
)
from capsule_inspect.modelfile.metric import Metric


def estimate_share(name: str, outcomes: Sequence[bool]) -> Metric | None:
    """Returns the share of true outcomes, with Wilson's interval; None without outcomes.

    Args:
        name: Of the metric.
        outcomes: One per picture.
    """
    if not outcomes:
        return None
    successes, n = sum(outcomes), len(outcomes)
    return Metric(name, successes / n, n, *wilson(successes, n))


def estimate_mean(name: str, values: Sequence[float]) -> Metric | None:
    """Returns the mean, with a bootstrap interval; None without values.

    Args:
        name: Of the metric.
        values: One per picture.
    """
    if not values:
        return None
    return Metric(name, sum(values) / len(values), len(values), *bootstrap_mean(values))


def estimate_auroc(goods: Sequence[float], defects: Sequence[float]) -> Metric | None:
    """Returns the chance that a defective picture scores above a good one; ties count half.

    Args:
        goods: Defect scores of the good pictures.
        defects: Of the defective ones.

    Returns:
        `auroc` with Newcombe's interval; None without pictures of both kinds.
    """
    if not goods or not defects:
        return None
    from sklearn.metrics import roc_auc_score

    truth = [0] * len(goods) + [1] * len(defects)
    value = float(roc_auc_score(truth, [*goods, *defects]))
    low, high = newcombe_auroc(value, len(defects), len(goods))
    return Metric("auroc", value, len(truth), low, high)


def estimate_average_precision(goods: Sequence[float], defects: Sequence[float]) -> Metric | None:
    """Returns the mean precision over the steps of recall, as scikit-learn defines it.

    Close to 1 the interval holds the true value far too seldom, since resampling a ranking without
    mistakes makes none; AUROC's does better there (`benchmarks/interval_coverage.py`).

    Args:
        goods: Defect scores of the good pictures.
        defects: Of the defective ones.

    Returns:
        `average_precision` with a bootstrap interval; None without pictures of both kinds.
    """
    if not goods or not defects:
        return None
    scores = np.array([*goods, *defects], np.float64)
    defective = np.arange(scores.size) >= len(goods)
    value = _average_precision(scores, defective, np.ones((1, scores.size)))[0]
    samples = _average_precision(scores, defective, resample(defective, RESAMPLES))
    return Metric("average_precision", float(value), scores.size, *percentiles(samples))


def _average_precision(scores: Floats, defective: Flags, weights: Floats) -> Floats:
    """Computes sum over thresholds of (recall's step) x precision for each row of weights.

    Args:
        scores: float64 [n].
        defective: bool [n].
        weights: float64 [samples, n]; how often each picture counts.

    Returns:
        float64 [samples].
    """
    order = np.argsort(-scores)
    # Equal scores pass a threshold together.
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    called = np.cumsum(weights[:, order], axis=1)[:, last]
    hits = np.cumsum((weights * defective)[:, order], axis=1)[:, last]
    # Before the first picture of a sample nothing is called defective, and recall does not step.
    precision = hits / np.maximum(called, 1)
    steps = np.diff(hits, axis=1, prepend=0)
    return np.asarray((steps * precision).sum(axis=1) / hits[:, -1], np.float64)
