"""Which class was taken for which."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement


@dataclass(frozen=True)
class ConfusionMatrix:
    """The pictures of each true class by what was decided.

    Attributes:
        rows: The true classes.
        columns: What can be decided: the same classes, and that there is no capsule.
        counts: Number of judgements, row by row: that of pictures, where each was judged once.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def confusion_matrix(judgements: Sequence[Judgement], classes: tuple[str, ...]) -> ConfusionMatrix:
    """Counts the confusion matrix.

    Args:
        judgements: Of pictures of these classes.
        classes: Class names, `good` first.
    """
    pairs = Counter((each.truth, each.label) for each in judgements)
    columns = (*classes, NO_CAPSULE)
    counts = tuple(tuple(pairs[truth, label] for label in columns) for truth in classes)
    return ConfusionMatrix(classes, columns, counts)
