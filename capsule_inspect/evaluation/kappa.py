"""Kappa: the agreement of raters beyond chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from capsule_inspect.evaluation.intervals import Floats, Z


@dataclass(frozen=True)
class Kappa:
    """A kappa: 1 for full agreement, 0 for that of chance, below 0 for less.

    Attributes:
        value: The value, in [-1, 1].
        low: Lower end of the 95 % interval; None without an interval.
        high: Upper end of the interval; None exactly where `low` is.
    """

    value: float
    low: float | None = None
    high: float | None = None


def cohen_kappa(pairs: Sequence[tuple[str, str]]) -> Kappa | None:
    """Returns Cohen's kappa of two raters (Educational and Psychological Measurement 20, 1960).

    The interval is that of the large-sample standard error of Fleiss, Cohen and Everitt
    (Psychological Bulletin 72, 1969), cut to [-1, 1]. Where that error is 0, as with full
    agreement, the items do not tell how sure the value is, and there is no interval.

    Args:
        pairs: What the two raters call each item.

    Returns:
        None if no item is rated, or if both raters have one and the same label for all of them:
        chance alone would agree, too.

    Example:
        >>> pairs = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
        >>> round(cohen_kappa(pairs).value, 3)
        0.4
    """
    labels = sorted({label for pair in pairs for label in pair})
    if len(labels) < 2:
        return None
    place = {label: number for number, label in enumerate(labels)}
    shares = np.zeros((len(labels), len(labels)), np.float64)
    for first, second in pairs:
        shares[place[first], place[second]] += 1 / len(pairs)
    agreed = sum(first == second for first, second in pairs) / len(pairs)
    chance = float(shares.sum(axis=1) @ shares.sum(axis=0))
    value = (agreed - chance) / (1 - chance)
    variance = _variance(shares, value, chance)
    if variance < _NO_VARIANCE:
        return Kappa(value)
    half = Z * math.sqrt(variance / len(pairs)) / (1 - chance)
    return Kappa(value, max(-1.0, value - half), min(1.0, value + half))


_NO_VARIANCE = 1e-12
"""A variance below this is 0, but for rounding."""


def _variance(shares: Floats, kappa: float, chance: float) -> float:
    """Returns the variance of Fleiss, Cohen and Everitt, times n (1 - chance)^2.

    Args:
        shares: float64 [labels, labels], share of the items by the labels of the two raters.
        kappa: The value.
        chance: The agreement that chance gives.
    """
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    same = np.diag(shares) * (1 - (rows + columns) * (1 - kappa)) ** 2
    apart = shares * (columns[:, None] + rows[None, :]) ** 2
    np.fill_diagonal(apart, 0)
    whole = (kappa - chance * (1 - kappa)) ** 2
    return float(same.sum() + (1 - kappa) ** 2 * apart.sum() - whole)


def fleiss_kappa(readings: Sequence[Sequence[str]]) -> Kappa | None:
    """Returns Fleiss' kappa of several raters (Psychological Bulletin 76, 1971); no interval.

    Args:
        readings: The labels of each item; the same number, at least 2, for every item.

    Returns:
        None if no item is rated, or if all raters have one and the same label for all of them.
    """
    labels = sorted({label for given in readings for label in given})
    if len(labels) < 2:
        return None
    counts = np.array([[list(given).count(label) for label in labels] for given in readings])
    raters = len(readings[0])
    agreed = float(((counts**2).sum(axis=1) - raters).mean()) / (raters * (raters - 1))
    chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return Kappa((agreed - chance) / (1 - chance))
