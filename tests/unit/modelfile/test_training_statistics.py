from dataclasses import fields

import numpy as np
import pytest

from capsule_inspect.imaging.look import Look
from capsule_inspect.modelfile.training_statistics import RANGE_NAMES, Range, TrainingStatistics

STATISTICS = TrainingStatistics(
    (1.0, -2.0), (2.0, 0.5), 9.0, tuple(Range(n, i, i + 1) for i, n in enumerate(RANGE_NAMES))
)


def test_the_score_is_the_mean_squared_distance_in_deviations():
    # 2 deviations off in the first channel and 3 in the second: (4 + 9) / 2.
    assert STATISTICS.ood_score(np.array([5.0, -0.5], np.float32)) == pytest.approx(6.5)


def test_the_score_of_what_was_measured_is_one_on_average():
    features = np.random.default_rng(0).normal(3, 2, (500, 7))
    statistics = TrainingStatistics(
        tuple(features.mean(0)), tuple(features.std(0)), 0.0, STATISTICS.ranges
    )
    scores = [statistics.ood_score(row.astype(np.float32)) for row in features]
    assert np.mean(scores) == pytest.approx(1, abs=1e-5)


def test_a_range_is_found_by_name():
    assert STATISTICS.range_of("length") == Range("length", 3, 4)


def test_a_range_of_no_quantity_is_told_by_its_name():
    with pytest.raises(KeyError, match="lenght"):
        STATISTICS.range_of("lenght")


def test_ranges_are_of_the_looks_and_the_score():
    assert (*(field.name for field in fields(Look)), "ood_score") == RANGE_NAMES
