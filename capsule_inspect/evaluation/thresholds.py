"""Thresholds on defect scores: the best F1, and bounded misses or false alarms."""

import numpy as np

from capsule_inspect.evaluation.intervals import Flags, Floats

_THRESHOLDS_TRIED = 2001
"""Number of thresholds to try for the best F1, evenly spaced between the lowest and the highest
score. Over a range of 20 logits the step is a twenty-fifth of the blur."""


def best_f1(logits: Floats, truth: Flags, blur: float) -> float:
    """Returns the logit with the best expected F1 under logistic noise on every score.

    Without noise, F1 has many peaks of nearly the same height, and a single picture can move the
    best threshold from one to another (`experiments/README.md`).

    Args:
        logits: The log odds of a defect, one for each picture.
        truth: Which pictures are defective.
        blur: Scale of the noise, in log odds.
    """
    thresholds = np.linspace(logits.min(), logits.max(), _THRESHOLDS_TRIED)
    alarms = 0.5 + 0.5 * np.tanh((logits - thresholds[:, None]) / (2 * blur))
    scores = 2 * alarms[:, truth].sum(axis=1) / (alarms.sum(axis=1) + truth.sum())
    return float(thresholds[scores >= scores.max() - 1e-12].mean())


def fewest_false_alarms(logits: Floats, truth: Flags, most: int) -> float:
    """Returns the threshold with the fewest false alarms among those with at most `most` misses.

    It is the middle of the widest gap between scores that qualifies.

    Args:
        logits: The log odds of a defect, one for each picture.
        truth: Which pictures are defective.
        most: How many of these may be missed.
    """
    ordered = np.unique(logits)
    # The last threshold lies below all scores and has no gap: it is chosen only if no other can be.
    gaps = np.append(np.diff(ordered), 0.0)
    middles = np.append((ordered[1:] + ordered[:-1]) / 2, ordered[0] - 1e-3)
    alarms = logits >= middles[:, None]
    false = (alarms & ~truth).sum(axis=1)
    false = np.where((truth & ~alarms).sum(axis=1) > most, len(truth) + 1, false)
    best = np.flatnonzero(false == false.min())
    return float(middles[best[np.argmax(gaps[best])]])


def fewest_misses(logits: Floats, truth: Flags, most: int) -> float:
    """Returns the threshold with the fewest misses among those with at most `most` false alarms.

    With all scores and kinds reversed, that is the one with the fewest false alarms.

    Args:
        logits: The log odds of a defect, one for each picture.
        truth: Which pictures are defective.
        most: How many good pictures may be called defective.
    """
    return -fewest_false_alarms(-logits, ~truth, most)
