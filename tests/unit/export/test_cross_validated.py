import json
from dataclasses import asdict, replace

import pytest

from capsule_inspect.errors import ConfigError, DataError
from capsule_inspect.export.cross_validated import read_cross_validated, require_same_recipe
from capsule_inspect.modelfile.metric import Metric
from capsule_inspect.modelfile.operating_point import OperatingPoint
from capsule_inspect.settings.as_yaml import to_yaml
from capsule_inspect.settings.model_settings import ModelSettings
from capsule_inspect.settings.settings import Settings
from capsule_inspect.settings.train_settings import TrainSettings

PICTURES = "ab" * 32
STUDY = Settings(train=TrainSettings(folds=5, seeds=3, seed=1))
POINT = OperatingPoint(1.5, 0.4, 0.35, "the tests", expected=(Metric("miss_rate", 0, 9, 0, 0.3),))


@pytest.fixture
def folder(tmp_path):
    document = {
        "operating_point": asdict(POINT),
        "metrics": [asdict(Metric("accuracy", 0.9, 10, 0.6, 0.98))],
        "measured_on": "ten pictures",
        "pictures_sha256": PICTURES,
        "n": 10,
    }
    (tmp_path / "metrics.json").write_text(json.dumps(document))
    (tmp_path / "config.yaml").write_text(to_yaml(STUDY))
    return tmp_path


def test_point_and_metrics_are_read(folder):
    measured = read_cross_validated(folder)
    assert measured.point == POINT
    assert measured.metrics == (Metric("accuracy", 0.9, 10, 0.6, 0.98),)
    assert measured.measured_on == "ten pictures"
    assert measured.settings == STUDY


def test_what_is_no_evaluation_of_a_study_is_refused(folder):
    path = folder / "metrics.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in document.items() if k != "operating_point"}))
    with pytest.raises(DataError, match=r"lacks 'operating_point'.*evaluate STUDY"):
        read_cross_validated(folder)
    path.write_text(json.dumps(document | {"pictures_sha256": "ab"}))
    with pytest.raises(DataError, match="damaged"):
        read_cross_validated(folder)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        read_cross_validated(folder)


def test_settings_must_stand_beside(folder):
    (folder / "config.yaml").unlink()
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        read_cross_validated(folder)


def test_the_recipe_may_differ_in_folds_and_seeds_alone(folder):
    measured = read_cross_validated(folder)
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
