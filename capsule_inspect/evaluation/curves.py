"""What false alarms and misses would be at every threshold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from capsule_inspect.classes import GOOD
from capsule_inspect.evaluation.evaluate import Evaluation

_Values = NDArray[np.float64]


@dataclass(frozen=True)
class OperatingCurves:
    """The ROC curve, the precision-recall curve and where the decision stands on them.

    Attributes:
        false_alarms: False alarm rate at each threshold, from 0 to 1.
        found: Share of defective pictures found at the same thresholds.
        recall: Share of defective pictures found, falling.
        precision: Share of the called pictures that are defective, at the same thresholds.
        false_alarm_rate: As decided.
        recall_rate: Share of defective pictures found, as decided.
        precision_rate: As decided; None where nothing was called defective.
        good: Number of good pictures.
        defective: Number of defective ones.
    """

    false_alarms: _Values
    found: _Values
    recall: _Values
    precision: _Values
    false_alarm_rate: float
    recall_rate: float
    precision_rate: float | None
    good: int
    defective: int

    @property
    def share(self) -> float:
        """The share of defective pictures, which is the precision of chance."""
        return self.defective / (self.good + self.defective)


def trace_curves(evaluation: Evaluation) -> OperatingCurves | None:
    """Traces the curves; None unless there are good and defective pictures."""
    judgements = evaluation.judgements
    defective = np.array([each.truth != GOOD for each in judgements])
    if defective.all() or not defective.any():
        return None
    scores = np.array([each.defect_score for each in judgements])
    called = np.array([each.label != GOOD for each in judgements])
    false_alarms, found, _ = roc_curve(defective, scores, drop_intermediate=False)
    precision, recall, _ = precision_recall_curve(defective, scores)
    return OperatingCurves(
        false_alarms=false_alarms,
        found=found,
        recall=recall,
        precision=precision,
        false_alarm_rate=float(called[~defective].mean()),
        recall_rate=float(called[defective].mean()),
        precision_rate=float(defective[called].mean()) if called.any() else None,
        good=int((~defective).sum()),
        defective=int(defective.sum()),
    )
