import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.sample import Sample
from capsule_inspect.errors import ConfigError
from capsule_inspect.export.choose_point import choose_point, validation_samples
from capsule_inspect.export.converted import Converted
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.interpreter import Interpreter
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.settings.threshold_settings import ThresholdSettings
from capsule_inspect.training.decision import DecisionRule
from capsule_inspect.training.load_trained import TrainedModel

POINT = OperatingPoint(1.0, 0.5, 0.5, "the tests")
CLASSES = ("good", "crack", "scratch")


@pytest.fixture
def data(tmp_path: Path, paint) -> DataSet:
    """Three pictures of each class to train on, and as many to validate on."""
    samples = []
    for split in ("train", "val"):
        for label in CLASSES:
            for number in range(3):
                name = f"{split}-{label}-{number}.png"
                paint(tmp_path / name, label)
                sha256 = hashlib.sha256(name.encode()).hexdigest()
                samples.append(Sample(name, label, "", split, None, sha256, 96, 32))
    return DataSet(tmp_path, CLASSES, tuple(samples), 0, "", "", "")


@pytest.fixture
def converted(data, tiny_model) -> Converted:
    """The small model file, as if it were converted from a network trained on the data."""
    bundle = read_bundle(tiny_model)
    rule = DecisionRule(CLASSES, bundle.metadata.roi, POINT, data.training_sha256, "none")
    model = TrainedModel(None, rule)  # only the file is asked
    return Converted(model, data.root / "model.tflite", bundle, Interpreter(bundle))


def test_the_point_is_chosen_on_the_validation_split(data, converted):
    seen = []
    point = choose_point(converted, data, ThresholdSettings(), lambda: seen.append(1))
    assert "the validation split: 3 good and 6 defective pictures" in point.chosen_by
    assert len(seen) == 9
    assert [s.split for s in validation_samples(converted, data)] == ["val"] * 9


def test_without_unseen_pictures_the_networks_point_is_kept(data, converted):
    other = replace(data, samples=data.samples[1:])
    unsplit = replace(data, samples=tuple(s for s in data.samples if s.split != "val"))
    for pictures in (other, unsplit):
        assert validation_samples(converted, pictures) == ()
        assert choose_point(converted, pictures, ThresholdSettings()) == POINT
        with pytest.raises(ConfigError, match=r"threshold\.policy=best_f1 cannot be followed"):
            choose_point(converted, pictures, ThresholdSettings(policy="best_f1"))
