import pytest
from scored_evidence import cut, evidence_of

from capsule_inspect.evaluation.judge import Evidence
from capsule_inspect.settings.groups import Settings, ThresholdSettings, TrainSettings
from capsule_inspect.training.calibrate import choose_study_points
from capsule_inspect.training.study import make_study


def fold(middle: float, stray: bool = False) -> list[Evidence]:
    """Six pictures whose logits of the defect lie around a middle; a stray good one above."""
    goods = [middle - 3 + n / 2 for n in range(3)]
    if stray:
        goods.append(middle + 9)
    return evidence_of(goods, [middle + 2 + n / 2 for n in range(3)])


def test_points_come_from_the_other_folds_of_the_same_seed(tmp_path):
    study = make_study(tmp_path, Settings(train=TrainSettings(folds=2, seeds=2)))
    # In order: seed 0 fold 0, seed 0 fold 1, seed 1 fold 0, seed 1 fold 1.
    evidence = [fold(0), fold(10, stray=True), fold(20), fold(30)]
    points = choose_study_points(study, evidence, ThresholdSettings())
    assert [cut(point) for point in points.members] == pytest.approx([10, 0, 30, 20], abs=0.1)


def test_the_point_of_all_counts_pictures_once_and_expects_what_the_seeds_did(tmp_path):
    study = make_study(tmp_path, Settings(train=TrainSettings(folds=2, seeds=2)))
    evidence = [fold(0), fold(0, stray=True), fold(0, stray=True), fold(0)]
    overall = choose_study_points(study, evidence, ThresholdSettings()).overall
    assert cut(overall) == pytest.approx(0, abs=0.1)
    assert "7 good and 6 defective" in overall.chosen_by
    rates = {metric.name: (metric.value, metric.n) for metric in overall.expected}
    assert rates == {"false_alarm_rate": (pytest.approx(1 / 7), 7), "miss_rate": (0, 6)}


def test_the_review_band_is_chosen_as_the_points_are(tmp_path):
    study = make_study(tmp_path, Settings(train=TrainSettings(folds=2, seeds=2)))
    evidence = [fold(0), fold(0, stray=True), fold(0, stray=True), fold(0)]
    points = choose_study_points(study, evidence, ThresholdSettings(review="0"))
    band = points.overall.review
    assert band is not None
    # No good picture is rejected: the stray ones lie above all defects, so only higher scores are.
    assert band.reject_from > points.overall.threshold == band.accept_below
    shares = {metric.name: (metric.value, metric.n) for metric in band.expected}
    # The fold with the stray one is judged by the other, which knows of none, and rejects it.
    assert shares["good_reject"] == (pytest.approx(1 / 7), 7)
    assert shares["defect_accept"] == (0, 6)
    assert all(point.review for point in points.members)
    assert choose_study_points(study, evidence, ThresholdSettings()).overall.review is None
