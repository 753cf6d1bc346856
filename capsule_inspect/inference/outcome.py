"""Decide what becomes of a capsule: accept it, reject it, or let a person review it."""

from capsule_inspect.choices import Outcome
from capsule_inspect.modelfile.metadata import OperatingPoint


def decide_outcome(
    defect_score: float, point: OperatingPoint, *, is_doubtful: bool = False
) -> Outcome:
    """Decides what becomes of a capsule.

    Without a review band, a capsule is accepted exactly where its label is `good`. With one, the
    scores between its ends are for a person, and so is a picture that a warning questions.

    Args:
        defect_score: The score as rows hold it, in [0, 1].
        point: The operating point of the model.
        is_doubtful: Whether a warning questions the picture.

    Example:
        >>> point = OperatingPoint(threshold=0.5)
        >>> decide_outcome(0.3, point)
        'accept'
        >>> from capsule_inspect.modelfile.metadata import ReviewBand
        >>> decide_outcome(0.3, OperatingPoint(threshold=0.5, review=ReviewBand(0.2, 0.8, 0, 0)))
        'review'
    """
    if point.review is None:
        return "reject" if defect_score >= point.threshold else "accept"
    if is_doubtful:
        return "review"
    if defect_score < point.review.accept_below:
        return "accept"
    return "reject" if defect_score >= point.review.reject_from else "review"
