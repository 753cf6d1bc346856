import pytest

from capsule_inspect.choices import NO_CAPSULE
from capsule_inspect.evaluation.cross_validation import pool
from capsule_inspect.evaluation.curves import (
    calibration_error,
    measure_reliability,
    trace_curves,
    trace_review,
)
from capsule_inspect.evaluation.evaluate import Evaluation, summarize
from capsule_inspect.evaluation.judge import Judgement


def evaluation(*pictures: tuple[str, str, float]) -> Evaluation:
    judgements = tuple(
        Judgement(f"{place}.png", "aa", truth, label, score, (), None)
        for place, (truth, label, score) in enumerate(pictures)
    )
    return summarize("test", ("good", "crack"), judgements)


def test_curves_and_operating_point_by_hand():
    curves = trace_curves(
        evaluation(
            ("good", "good", 0.1),
            ("good", "crack", 0.6),
            ("crack", "crack", 0.9),
            ("crack", "good", 0.2),
        )
    )
    assert curves is not None
    # From the highest score down: a defect, a good one, a defect, a good one.
    assert curves.fpr.tolist() == [0, 0, 0.5, 0.5, 1]
    assert curves.tpr.tolist() == [0, 0.5, 0.5, 1, 1]
    assert (curves.point_fpr, curves.point_recall, curves.point_precision) == (0.5, 0.5, 0.5)
    assert (curves.good, curves.defective, curves.prevalence) == (2, 2, 0.5)
    # From the lowest score up: all called, then three, two and one; of none all would be right.
    assert curves.recall.tolist() == [1, 1, 0.5, 0.5, 0]
    assert curves.precision.tolist() == pytest.approx([1 / 2, 2 / 3, 1 / 2, 1, 1])


def test_errors_left_after_review_by_hand():
    # In log odds from the threshold of .5: -2.2, .4, 2.2, -1.4; none was found on the last.
    judgements = evaluation(
        ("good", "good", 0.1),
        ("good", "crack", 0.6),
        ("crack", "crack", 0.9),
        ("crack", "good", 0.2),
        ("good", NO_CAPSULE, 1.0),
    ).judgements
    curve = trace_review(judgements, {each.path: 0.5 for each in judgements})
    assert curve is not None
    assert curve.reviewed.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    # Without review the one without a capsule is an alarm, too. Then it, .6, .2, .1 and .9.
    assert curve.false_alarm_rate.tolist() == pytest.approx([2 / 3, 1 / 3, 0, 0, 0, 0])
    assert curve.miss_rate.tolist() == pytest.approx([1 / 2, 1 / 2, 1 / 2, 0, 0, 0])


def test_each_picture_is_near_or_far_from_its_own_threshold():
    judgements = evaluation(("good", "crack", 0.6), ("crack", "good", 0.2)).judgements
    curve = trace_review(judgements, {"0.png": 0.01, "1.png": 0.21})
    assert curve is not None
    assert curve.miss_rate.tolist() == [1, 0, 0]
    assert curve.false_alarm_rate.tolist() == [1, 1, 0]


def test_pictures_of_one_kind_have_no_review_curve():
    judgements = evaluation(("good", "crack", 0.6)).judgements
    assert trace_review(judgements, {"0.png": 0.5}) is None


def test_nothing_called_has_no_precision():
    curves = trace_curves(evaluation(("good", "good", 0.1), ("crack", "good", 0.2)))
    assert curves is not None
    assert curves.point_precision is None


def test_pictures_are_counted_once_however_many_seeds_judged_them():
    seeds = [
        evaluation(("good", "good", 0.1), ("good", "good", 0.2), ("crack", "crack", score))
        for score in (0.7, 0.8)
    ]
    curves = trace_curves(pool(seeds))
    assert curves is not None
    assert (curves.good, curves.defective) == (2, 1)
    assert curves.prevalence == pytest.approx(1 / 3)


@pytest.mark.parametrize("label", ["good", "crack"])
def test_one_kind_of_picture_has_no_curves(label):
    assert trace_curves(evaluation((label, "good", 0.1), (label, "crack", 0.7))) is None


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
