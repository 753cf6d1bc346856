"""The ROC curve and the precision-recall curve: errors at every threshold."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from capsule_inspect.classes import GOOD
from capsule_inspect.evaluation.arrays import Floats
from capsule_inspect.evaluation.evaluate import Evaluation


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
