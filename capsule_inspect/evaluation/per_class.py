"""The metrics of each class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from capsule_inspect.classes import GOOD
from capsule_inspect.evaluation.estimates import estimate_mean, estimate_share
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.segmented import segmented
from capsule_inspect.modelfile.metric import Metric

CLASS_METRICS = ("recall", "precision", "presence", "dice", "iou")
"""Every metric of a class by name, in the order of tables."""


@dataclass(frozen=True)
class ClassMetrics:
    """How a model did on the pictures of one class.

    Attributes:
        name: The class.
        n: How many pictures are of it.
        metrics: In the order of `CLASS_METRICS`, those that the pictures allow.
    """

    name: str
    n: int
    metrics: tuple[Metric, ...]


def measure_classes(
    judgements: Sequence[Judgement], classes: Sequence[str]
) -> tuple[ClassMetrics, ...]:
    """Computes the metrics of each class.

    `recall` is the share of its pictures that are labelled so, `precision` the share of the
    pictures labelled so that are of it, `presence` the share of its pictures that are called
    defective, `dice` and `iou` means over its pictures with a true defect pixel. What no picture
    carries is left out.

    Args:
        judgements: One per picture.
        classes: Class names, `good` first.

    Returns:
        One for each class, in their order.
    """
    return tuple(
        ClassMetrics(
            name,
            sum(each.truth == name for each in judgements),
            tuple(_metrics(judgements, name)),
        )
        for name in classes
    )


def _metrics(judgements: Sequence[Judgement], name: str) -> Iterator[Metric]:
    members = [each for each in judgements if each.truth == name]
    labelled = [each for each in judgements if each.label == name]
    overlaps = [
        overlap
        for each in segmented(judgements)
        if each.truth == name and (overlap := each.defect_overlap)
    ]
    estimates = (
        estimate_share("recall", [each.label == name for each in members]),
        estimate_share("precision", [each.truth == name for each in labelled]),
        estimate_share("presence", [each.label != GOOD for each in members]),
        estimate_mean("dice", [overlap.dice for overlap in overlaps]),
        estimate_mean("iou", [overlap.iou for overlap in overlaps]),
    )
    return (estimate for estimate in estimates if estimate is not None)
