import pytest

from capsule_inspect.evaluation.judge import NO_CAPSULE, Judgement
from capsule_inspect.evaluation.reliability import calibration_error, measure_reliability


def judged(truth: str, label: str, score: float, *rest: float) -> Judgement:
    probabilities = (1 - score, *rest) if rest else ()
    return Judgement("a.png", "aa", truth, label, score, probabilities, None)


JUDGEMENTS = (
    judged("good", "good", 0.04, 0.03, 0.01),  # confidence .96, right
    judged("crack", "good", 0.06, 0.05, 0.01),  # confidence .94, wrong
    judged("crack", "crack", 0.9, 0.65, 0.25),  # confidence .65, right
    judged("good", NO_CAPSULE, 1.0),
)


def test_bins_hold_pictures_of_about_one_confidence():
    low, high = measure_reliability(JUDGEMENTS)
    assert (low.confidence, low.accuracy, low.count) == (pytest.approx(0.65), 1.0, 1)
    assert (high.confidence, high.accuracy, high.count) == (pytest.approx(0.95), 0.5, 2)


def test_the_error_weighs_bins_by_their_pictures():
    bins = measure_reliability(JUDGEMENTS)
    assert calibration_error(bins) == pytest.approx((1 * 0.35 + 2 * 0.45) / 3)


def test_full_confidence_falls_into_the_last_bin():
    (only,) = measure_reliability([judged("good", "good", 0.0, 0.0, 0.0)])
    assert (only.confidence, only.accuracy) == (1.0, 1.0)
    assert calibration_error([only]) == 0


def test_nothing_judged_has_no_error():
    assert measure_reliability([]) == ()
    assert calibration_error([]) == 0
