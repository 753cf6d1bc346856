from pathlib import Path

import numpy as np
import pytest

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.exporting.training_statistics import measure_training_statistics
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.inference.inspector import Inspector
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.modelfile.runtime import Outputs

LEVELS = (10, 20, 30, 40)


def colour_as_feature(window):
    """A network whose features are the mean of red, and a constant."""
    features = np.array([window[..., 0].mean(), 7.0], np.float32)
    return Outputs(np.zeros(2, np.float32), None, features)


def inspector(run, mode="whole") -> Inspector:
    return Inspector(run, ("good", "crack"), Roi(mode, 32, 16, 16), OperatingPoint())


@pytest.fixture
def data(tmp_path: Path, save_picture) -> DataSet:
    """Four pictures of one colour each; the last has pure red at another level."""
    samples = []
    for level in LEVELS:
        picture = np.full((16, 32, 3), (level, 50, 60), np.uint8)
        save_picture(tmp_path / f"{level}.png", picture)
        samples.append(Sample(f"{level}.png", "good", "", "train", None, "", 32, 16))
    return DataSet(tmp_path, ("good", "crack"), tuple(samples), 0, "", "", "")


def test_means_deviations_ranges_and_the_limit_are_those_of_the_pictures(data):
    seen = []
    found = measure_training_statistics(
        data, data.samples, inspector(colour_as_feature), lambda: seen.append(1)
    )
    assert found is not None
    assert len(seen) == 4
    deviation = np.std(LEVELS)
    assert found.feature_means == pytest.approx((25, 7))
    # A channel that never varies gets a twentieth of the mean deviation over the channels.
    assert found.feature_deviations == pytest.approx((deviation, 0.05 * deviation / 2))
    red, green = found.range_of("red"), found.range_of("green")
    assert (red.low, red.high) == (10, 40)
    assert (green.low, green.high) == (50, 50)
    # Half the squared distance: the constant channel adds nothing.
    scores = [((level - 25) / deviation) ** 2 / 2 for level in LEVELS]
    score = found.range_of("ood_score")
    assert (score.low, score.high) == pytest.approx((min(scores), max(scores)))
    assert found.ood_limit == pytest.approx(3 * np.quantile(scores, 0.99))


def test_only_the_pictures_given_count(data):
    found = measure_training_statistics(data, data.samples[:2], inspector(colour_as_feature))
    assert found is not None
    assert found.feature_means[0] == pytest.approx(15)


def test_nothing_is_known_without_features_or_without_a_capsule(data):
    def silent(_):
        return Outputs(np.zeros(2, np.float32), None)

    assert measure_training_statistics(data, data.samples, inspector(silent)) is None
    assert (
        measure_training_statistics(data, data.samples, inspector(colour_as_feature, "capsule"))
        is None
    )
