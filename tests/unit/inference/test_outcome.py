import pytest

from capsule_inspect.inference.outcome import decide_outcome
from capsule_inspect.modelfile.metadata import OperatingPoint, ReviewBand

ALONE = OperatingPoint(threshold=0.5)
WITH_REVIEW = OperatingPoint(threshold=0.5, review=ReviewBand(0.25, 0.75, 0.0, 0.0))


@pytest.mark.parametrize(
    ("score", "alone", "with_review"),
    [
        (0.0, "accept", "accept"),
        (0.2499, "accept", "accept"),
        (0.25, "accept", "review"),
        (0.4999, "accept", "review"),
        (0.5, "reject", "review"),
        (0.7499, "reject", "review"),
        (0.75, "reject", "reject"),
        (1.0, "reject", "reject"),
    ],
)
def test_scores_decide(score, alone, with_review):
    assert decide_outcome(score, ALONE) == alone
    assert decide_outcome(score, WITH_REVIEW) == with_review


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_a_doubt_counts_only_where_somebody_reviews(score):
    assert decide_outcome(score, WITH_REVIEW, is_doubtful=True) == "review"
    assert decide_outcome(score, ALONE, is_doubtful=True) == decide_outcome(score, ALONE)
