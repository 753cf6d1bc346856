"""ROC, precision-recall, review and reliability curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from capsule_inspect.choices import GOOD, NO_CAPSULE
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.intervals import Floats
from capsule_inspect.evaluation.judge import Judgement


@dataclass(frozen=True, eq=False)
class OperatingCurves:
    """The ROC curve, the precision-recall curve, and the operating point on both.

    A defective picture called defective is a true positive; a good one is a false positive.

    Attributes:
        fpr: float64 [a], the false positive rate at each threshold, from 0 to 1.
        tpr: float64 [a], the true positive rate at the same thresholds, from 0 to 1.
        recall: float64 [b], the true positive rate at each threshold, from 1 to 0.
        precision: float64 [b], at the same thresholds.
        point_fpr: False positive rate of the labels, in [0, 1].
        point_recall: Recall of the labels, in [0, 1].
        point_precision: Precision of the labels, in [0, 1]; None if no label is defective.
        good: Number of good pictures.
        defective: Number of defective pictures.
    """

    fpr: Floats
    tpr: Floats
    recall: Floats
    precision: Floats
    point_fpr: float
    point_recall: float
    point_precision: float | None
    good: int
    defective: int

    @property
    def prevalence(self) -> float:
        """The share of defective pictures: the precision of a random decision."""
        return self.defective / (self.good + self.defective)


@dataclass(frozen=True, eq=False)
class ReviewCurve:
    """The errors that are left if people decide on the pictures nearest to the threshold.

    Attributes:
        reviewed: float64 [n + 1], the share of all pictures that people decide on, from 0 to 1.
        miss_rate: float64 [n + 1], the share of the defective pictures accepted without review.
        false_alarm_rate: float64 [n + 1], the share of the good pictures rejected without review.
    """

    reviewed: Floats
    miss_rate: Floats
    false_alarm_rate: Floats


def trace_review(
    judgements: Sequence[Judgement], thresholds: Mapping[str, float]
) -> ReviewCurve | None:
    """Traces the errors that are left by the share of pictures that people review.

    The picture whose log odds are nearest to its threshold is the first to be reviewed; before it
    come those without a capsule.

    Args:
        judgements: One per picture.
        thresholds: The threshold of each, by its path.

    Returns:
        The curve; None without both good and defective pictures.
    """
    defective = np.array([each.truth != GOOD for each in judgements])
    if defective.all() or not defective.any():
        return None
    called = np.array([each.label != GOOD for each in judgements])
    apart = np.abs(
        _log_odds([each.defect_score for each in judgements])
        - _log_odds([thresholds[each.path] for each in judgements])
    )
    apart[[each.label == NO_CAPSULE for each in judgements]] = -1
    order = np.argsort(apart, kind="stable")
    return ReviewCurve(
        reviewed=np.arange(len(order) + 1) / len(order),
        miss_rate=_left(defective & ~called, order) / defective.sum(),
        false_alarm_rate=_left(~defective & called, order) / (~defective).sum(),
    )


def _log_odds(shares: Sequence[float]) -> Floats:
    inside = np.clip(np.array(shares, np.float64), 1e-12, 1 - 1e-12)
    odds: Floats = np.log(inside) - np.log1p(-inside)
    return odds


def _left(errors: NDArray[np.bool_], order: NDArray[np.intp]) -> Floats:
    """Returns how many errors are left after the first k pictures, for each k from 0."""
    left: Floats = errors.sum() - np.concatenate([[0.0], np.cumsum(errors[order])])
    return left


def trace_curves(evaluation: Evaluation) -> OperatingCurves | None:
    """Traces the curves over all judgements.

    Args:
        evaluation: An evaluation of one seed, or of several that are pooled.

    Returns:
        The curves; None without both good and defective pictures.
    """
    judgements = evaluation.judgements
    defective = np.array([each.truth != GOOD for each in judgements])
    if defective.all() or not defective.any():
        return None
    scores = np.array([each.defect_score for each in judgements])
    called = np.array([each.label != GOOD for each in judgements])
    fpr, tpr, _ = roc_curve(defective, scores, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(defective, scores)
    return OperatingCurves(
        fpr=fpr,
        tpr=tpr,
        recall=recall,
        precision=precision,
        point_fpr=float(called[~defective].mean()),
        point_recall=float(called[defective].mean()),
        point_precision=float(defective[called].mean()) if called.any() else None,
        good=int((~defective).sum()) // evaluation.seeds,
        defective=int(defective.sum()) // evaluation.seeds,
    )


_BINS = 10
"""Bins of equal width. With more, most would hold one or two pictures of a usual test split."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Pictures whose labels have about the same confidence.

    Attributes:
        confidence: Their mean confidence, in [0, 1].
        accuracy: The share of them that is labelled correctly.
        count: Their number.
    """

    confidence: float
    accuracy: float
    count: int


def measure_reliability(judgements: Sequence[Judgement]) -> tuple[ReliabilityBin, ...]:
    """Sorts pictures by the confidence of their label into ten bins of equal width.

    Args:
        judgements: One per picture. Those without a capsule are left out.

    Returns:
        The bins that hold a picture, in order of confidence.
    """
    labelled = [each for each in judgements if each.label != NO_CAPSULE]
    confidence = np.array([_confidence(each) for each in labelled])
    right = np.array([each.label == each.truth for each in labelled])
    places = np.minimum(_BINS - 1, confidence * _BINS).astype(int)
    return tuple(
        ReliabilityBin(
            confidence=float(confidence[places == place].mean()),
            accuracy=float(right[places == place].mean()),
            count=int((places == place).sum()),
        )
        for place in np.unique(places)
    )


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Returns the expected calibration error: the mean distance of accuracy from confidence.

    Each bin is weighted by its pictures (Guo et al., "On calibration of modern neural networks",
    2017).
    """
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.accuracy - each.confidence) for each in bins) / max(1, total)


def _confidence(judgement: Judgement) -> float:
    """Returns the probability of the label, as in predictions.csv; for good, 1 - the score."""
    if judgement.label == GOOD:
        return 1 - judgement.defect_score
    return max(judgement.probabilities[1:])
