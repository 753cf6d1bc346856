import re

import pytest

from capsule_inspect.imaging.look import Look
from capsule_inspect.inference.drift import Drift
from capsule_inspect.inference.observation import Observation
from capsule_inspect.modelfile.training_statistics import RANGE_NAMES, Range, TrainingStatistics

STATISTICS = TrainingStatistics(
    (0.0,), (1.0,), 10.0, tuple(Range(name, 10.0, 20.0) for name in RANGE_NAMES)
)


def describe(looks, statistics=STATISTICS, score: float | None = 15.0):
    drift = Drift(statistics)
    for look in looks:
        drift.add(Observation(look, score))
    return drift.describe()


def test_a_batch_like_the_training_says_nothing():
    assert describe([Look(15, 15, 15, 15, 15)] * 9) == ""


def test_what_leaves_its_range_is_named_with_median_and_range():
    looks = [Look(15, 15, blue, 9, 15) for blue in (20, 21, 22, 23, 24)]
    said = describe(looks)
    assert "blue 22.0 (10.0 to 20.0)" in said
    assert "length 9.0 (10.0 to 20.0)" in said
    assert not re.search("red|green|sharpness|ood", said)


@pytest.mark.parametrize(("value", "drifts"), [(10, False), (20, False), (9.9, True), (20.1, True)])
def test_the_ends_of_a_range_belong_to_it(value, drifts):
    assert bool(describe([Look(15, value, 15, 15, 15)] * 5)) == drifts


def test_one_odd_picture_of_many_is_no_drift():
    assert describe([Look(15, 15, 15, 15, 15)] * 6 + [Look(255, 0, 255, 99, 0)] * 3) == ""


def test_a_few_pictures_are_no_batch():
    assert describe([Look(255, 0, 255, 99, 0)] * 4) == ""


def test_a_network_without_scores_is_judged_by_its_looks():
    said = describe([Look(15, 15, 15, 9, 15)] * 5, score=None)
    assert said.startswith("Drift: medians outside the training's range: length 9.0")
    assert "ood" not in said


def test_the_score_is_one_of_what_can_drift():
    assert "ood score 21.5 (10.0 to 20.0)" in describe([Look(15, 15, 15, 15, 15)] * 5, score=21.5)


def test_without_statistics_nothing_is_known():
    assert describe([Look(255, 0, 255, 99, 0)] * 9, statistics=None) == ""
