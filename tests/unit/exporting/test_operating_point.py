import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.dataset.manifest import Sample
from capsule_inspect.errors import ConfigError, DataError
from capsule_inspect.exporting.convert import Converted
from capsule_inspect.exporting.operating_point import (
    choose_point,
    read_pooled_results,
    require_same_recipe,
    validation_samples,
)
from capsule_inspect.modelfile.bundle import read_bundle
from capsule_inspect.modelfile.metadata import Metric, OperatingPoint
from capsule_inspect.modelfile.runtime import Interpreter
from capsule_inspect.settings.groups import (
    ModelSettings,
    Settings,
    ThresholdSettings,
    TrainSettings,
)
from capsule_inspect.settings.yaml_text import to_yaml
from capsule_inspect.training.decision import DecisionRule
from capsule_inspect.training.network_files import TrainedModel

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


def test_a_review_band_comes_from_the_validation_split_too(data, converted):
    point = choose_point(converted, data, ThresholdSettings(review="0"))
    assert point.review is not None
    assert (point.review.miss_rate, point.review.false_alarm_rate) == (0, 0)
    unsplit = replace(data, samples=tuple(s for s in data.samples if s.split != "val"))
    with pytest.raises(ConfigError, match=r"threshold\.review=0 cannot be followed"):
        choose_point(converted, unsplit, ThresholdSettings(review="0"))


PICTURES = "ab" * 32
STUDY = Settings(train=TrainSettings(folds=5, seeds=3, seed=1))
POOLED_POINT = OperatingPoint(
    1.5, 0.4, 0.35, "the tests", expected=(Metric("miss_rate", 0, 9, 0, 0.3),)
)


@pytest.fixture
def folder(tmp_path):
    document = {
        "operating_point": asdict(POOLED_POINT),
        "metrics": [asdict(Metric("accuracy", 0.9, 10, 0.6, 0.98))],
        "measured_on": "ten pictures",
        "pictures_sha256": PICTURES,
        "n": 10,
    }
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    (tmp_path / "config.yaml").write_text(to_yaml(STUDY))
    return tmp_path


def test_point_and_metrics_are_read(folder):
    measured = read_pooled_results(folder)
    assert measured.point == POOLED_POINT
    assert measured.metrics == (Metric("accuracy", 0.9, 10, 0.6, 0.98),)
    assert measured.measured_on == "ten pictures"
    assert measured.settings == STUDY


def test_what_is_no_evaluation_of_a_study_is_refused(folder):
    path = folder / "metrics.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in document.items() if k != "operating_point"}))
    with pytest.raises(DataError, match=r"lacks 'operating_point'.*evaluate STUDY"):
        read_pooled_results(folder)
    path.write_text(json.dumps(document | {"pictures_sha256": "ab"}))
    with pytest.raises(DataError, match="damaged"):
        read_pooled_results(folder)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        read_pooled_results(folder)


def test_settings_must_stand_beside(folder):
    (folder / "config.yaml").unlink()
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        read_pooled_results(folder)


def test_the_recipe_may_differ_in_folds_and_seeds_alone(folder):
    measured = read_pooled_results(folder)
    one = Settings(train=TrainSettings(seed=7, validate_every=2))
    require_same_recipe(measured, PICTURES, one)
    for other in (
        replace(one, train=replace(one.train, steps=10)),
        replace(one, model=ModelSettings(head_dropout=0.1)),
    ):
        with pytest.raises(DataError, match="other settings"):
            require_same_recipe(measured, PICTURES, other)
    with pytest.raises(DataError, match="all pictures"):
        require_same_recipe(measured, "cd" * 32, one)


def test_a_point_chosen_on_good_pictures_alone_stays(data, converted):
    point = replace(POINT, policy="max_false_alarm_rate", policy_value=0.05)
    supervised = replace(converted.model.rule, operating_point=point)
    good_only = replace(supervised, classes=("good", "anomaly"))
    for rule, stays in ((good_only, True), (supervised, False)):
        asked = replace(converted, model=TrainedModel(None, rule))
        assert (choose_point(asked, data, ThresholdSettings()) == point) is stays
