"""The scores at which a person decides, against shares counted by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored_evidence import evidence_of

from capsule_inspect.choices import NO_CAPSULE
from capsule_inspect.evaluation.judge import Judgement
from capsule_inspect.evaluation.operating_point import choose_on_split, choose_operating_point
from capsule_inspect.evaluation.review_band import (
    Sorted,
    choose_band,
    estimate_outcomes,
    sort_judgements,
)
from capsule_inspect.modelfile.metadata import OperatingPoint, ReviewBand
from capsule_inspect.settings.groups import ThresholdSettings
from capsule_inspect.settings.review_rates import ReviewRates

# Ten good pictures, the last two among the defects; ten defects, the first two among the good.
GOODS = [-9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, 1.5, 3.5]
DEFECTS = [-4.5, -2.5, 2.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]


def band_of(review: str) -> tuple[float, float]:
    """The ends of the band in log odds before the temperature."""
    point = choose_operating_point(
        evidence_of(GOODS, DEFECTS), ThresholdSettings(review=review), "these"
    )
    band = point.review
    assert band is not None
    low, high = (
        math.log(end / (1 - end)) * point.temperature
        for end in (band.accept_below, band.reject_from)
    )
    return low, high


@pytest.mark.parametrize(
    ("review", "low", "high"),
    [
        # No defect accepted: the end lies between -5 and -4.5. No good one rejected: 3.5 to 4.
        ("0", -4.75, 3.75),
        # One defect of ten: between -3 and -2.5; one good one: between 1.5 and 2 or 2 and 3.5,
        # where the first misses fewer.
        ("0.1", -2.75, 1.75),
        ("0,0.1", -4.75, 1.75),
        ("0.1,0", -2.75, 3.75),
    ],
)
def test_the_ends_keep_the_wanted_shares(review, low, high):
    assert band_of(review) == pytest.approx((low, high), abs=0.02)


def test_where_the_labels_make_fewer_errors_than_allowed_nobody_reviews():
    low, high = band_of("0.5")
    assert low == high


def test_without_review_there_is_no_band():
    for review in ("auto", "none"):
        wanted = ThresholdSettings(review=review)
        assert choose_on_split(evidence_of(GOODS, DEFECTS), wanted, "these").review is None


@given(
    goods=st.lists(st.floats(-20, 20), min_size=1, max_size=30),
    defects=st.lists(st.floats(-20, 20), min_size=1, max_size=30),
    rates=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
    threshold=st.floats(0.01, 0.99),
)
def test_the_band_holds_the_threshold_and_the_rates(goods, defects, rates, threshold):
    logits = np.array([*goods, *defects])
    truth = np.array([False] * len(goods) + [True] * len(defects))
    band = choose_band(logits, truth, threshold, ReviewRates(*rates))
    assert 0 <= band.accept_below <= threshold <= band.reject_from <= 1
    scores = 1 / (1 + np.exp(-logits))
    # The ends lie between scores; rounding can put one on its neighbour alone.
    accepted = scores < band.accept_below - 1e-9
    rejected = scores > band.reject_from + 1e-9
    assert (truth & accepted).sum() <= rates[0] * truth.sum() + 1e-6
    assert (~truth & rejected).sum() <= rates[1] * (~truth).sum() + 1e-6


def test_the_shares_to_expect_are_of_bands_chosen_without_the_picture():
    # Two far defects, one to each half of the split: the band of the others accepts it.
    evidence = evidence_of([-6.0] * 5 + [-5.0] * 5, [-8.0] + [5.0] * 5 + [6.0] * 4)
    point = choose_on_split(evidence, ThresholdSettings(review="0"), "a split")
    assert point.review is not None
    shares = {metric.name: (metric.value, metric.n) for metric in point.review.expected}
    assert shares["defect_accept"] == (0.1, 10)
    assert shares["defect_reject"] == (0.9, 10)


def test_outcomes_are_counted_by_kind():
    pictures = [
        *[Sorted(False, "accept")] * 6,
        *[Sorted(False, "review")] * 3,
        *[Sorted(False, "reject")] * 1,
        *[Sorted(True, "reject")] * 4,
    ]
    shares = {metric.name: metric for metric in estimate_outcomes(pictures)}
    assert {name: metric.value for name, metric in shares.items()} == {
        "good_accept": 0.6,
        "good_review": 0.3,
        "good_reject": 0.1,
        "defect_accept": 0.0,
        "defect_review": 0.0,
        "defect_reject": 1.0,
    }
    # Wilson's interval of none in four, z = 1.96: z^2 / (4 + z^2).
    assert (shares["defect_accept"].low, shares["defect_accept"].high) == pytest.approx(
        (0.0, 0.4899), abs=1e-4
    )
    assert [m.name for m in estimate_outcomes([Sorted(True, "accept")])] == [
        "defect_accept",
        "defect_review",
        "defect_reject",
    ]


def judged(label: str, score: float, *, is_doubtful: bool = False) -> Judgement:
    return Judgement("a", "", "good", label, score, (), None, is_doubtful=is_doubtful)


def test_doubts_and_missing_capsules_are_for_a_person():
    point = OperatingPoint(threshold=0.5, review=ReviewBand(0.2, 0.8, 0.0, 0.0))
    pictures = [
        judged("good", 0.1),
        judged("good", 0.1, is_doubtful=True),
        judged("good", 0.2),
        judged("crack", 0.79),
        judged("crack", 0.8),
        judged(NO_CAPSULE, 1.0),
    ]
    outcomes = [each.outcome for each in sort_judgements(pictures, point)]
    assert outcomes == ["accept", "review", "review", "review", "reject", "review"]
