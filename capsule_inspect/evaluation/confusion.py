"""Which class was taken for which."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix.

    Attributes:
        rows: The true classes.
        columns: What can be decided: the same classes, and that there is no capsule.
        counts: Number of pictures, row by row.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


def count_confusion(judgements: Sequence[Judgement], classes: tuple[str, ...]) -> Confusion:
    """Counts the pictures of each true class by what was decided.

    Args:
        judgements: One per picture.
        classes: Class names, `good` first.
    """
    pairs = Counter((each.truth, each.label) for each in judgements)
    columns = (*classes, NO_CAPSULE)
    counts = tuple(tuple(pairs[truth, label] for label in columns) for truth in classes)
    return Confusion(classes, columns, counts)
