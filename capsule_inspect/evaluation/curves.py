"""ROC, precision-recall and reliability curves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from capsule_inspect.choices import GOOD
from capsule_inspect.evaluation.evaluate import Evaluation
from capsule_inspect.evaluation.intervals import Floats
from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement


@dataclass(frozen=True, eq=False)
class OperatingCurves:
    """The ROC curve, the precision-recall curve and where the decision stands on them.

    A defective picture called so is a true positive, a good picture called defective a false one.

    Attributes:
        fpr: float64 [a], the false positive rate at each threshold, from 0 to 1.
        tpr: float64 [a], the true positive rate at the same thresholds, from 0 to 1.
        recall: float64 [b], at each threshold, from 1 to 0; the true positive rate by another name.
        precision: float64 [b], at the same thresholds.
        point_fpr: False positive rate of the labels, in [0, 1].
        point_recall: Recall of the labels, in [0, 1].
        point_precision: Precision of the labels, in [0, 1]; None where none says defective.
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
        """The share of defective pictures, which is the precision of chance."""
        return self.defective / (self.good + self.defective)


def trace_curves(evaluation: Evaluation) -> OperatingCurves | None:
    """Traces the curves over all judgements; None unless some are of good, some of defective ones.

    Args:
        evaluation: Of one seed, or of several that are put together.
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
"""Of equal width. With more, most would hold a picture or two of a test split of some hundred."""


@dataclass(frozen=True)
class ReliabilityBin:
    """The pictures whose label was decided with about one confidence.

    Attributes:
        confidence: Their mean confidence, in [0, 1].
        accuracy: The share of them that is labelled rightly.
        count: Their number.
    """

    confidence: float
    accuracy: float
    count: int


def measure_reliability(judgements: Sequence[Judgement]) -> tuple[ReliabilityBin, ...]:
    """Sorts pictures by the confidence of their label into ten bins of equal width.

    Args:
        judgements: One per picture; those without a capsule are left out.

    Returns:
        The bins that hold a picture, by confidence.
    """
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for each in judgements:
        if each.label == NO_CAPSULE:
            continue
        confidence = _confidence(each)
        place = min(_BINS - 1, int(confidence * _BINS))
        bins[place].append((confidence, each.label == each.truth))
    return tuple(
        ReliabilityBin(
            confidence=sum(confidence for confidence, _ in members) / len(members),
            accuracy=sum(right for _, right in members) / len(members),
            count=len(members),
        )
        for members in bins
        if members
    )


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Returns the expected calibration error: how far accuracy is from confidence, on average.

    Weighted by the pictures of each bin (Guo et al., "On calibration of modern neural networks",
    2017).
    """
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.accuracy - each.confidence) for each in bins) / max(1, total)


def _confidence(judgement: Judgement) -> float:
    """Returns the probability of the label, as in predictions.csv; for good, 1 - the score."""
    if judgement.label == GOOD:
        return 1 - judgement.defect_score
    return max(judgement.probabilities[1:])
