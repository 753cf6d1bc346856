"""Whether a confidence of 0.9 is right nine times of ten."""

from collections.abc import Sequence
from dataclasses import dataclass

from capsule_inspect.classes import GOOD
from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement

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
