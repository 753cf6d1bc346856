from dataclasses import FrozenInstanceError

import pytest

from capsule_inspect.settings import (
    DataSettings,
    ModelSettings,
    PredictSettings,
    Settings,
    TrainSettings,
)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"val": -0.1}, "data.val"),
        ({"test": 1.0}, "data.test"),
        ({"val": 0.5, "test": 0.5}, "data.val"),
        ({"val": float("nan")}, "data.val"),
        ({"folds": 1}, "data.folds"),
        ({"folds": -2}, "data.folds"),
        ({"count": 0}, "data.count"),
        ({"size": 199}, "data.size"),
    ],
)
def test_data_that_cannot_be_split_or_drawn_is_refused_by_name(changes, named):
    with pytest.raises(ValueError, match=named):
        DataSettings(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"val": 0.0, "test": 0.0},
        {"val": 0.5, "test": 0.49},
        {"folds": 2},
        {"count": 1, "size": 200},
    ],
)
def test_the_extremes_are_allowed(changes):
    DataSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"threads": 0}, "predict.threads"),
        ({"max_megapixels": 0.0}, "predict.max_megapixels"),
        ({"max_megapixels": 10_001.0}, "predict.max_megapixels"),
        ({"max_megapixels": float("nan")}, "predict.max_megapixels"),
    ],
)
def test_impossible_limits_are_refused_by_name(changes, named):
    with pytest.raises(ValueError, match=named):
        PredictSettings(**changes)


def test_a_random_encoder_must_be_trained():
    random = ModelSettings(weights="none")
    with pytest.raises(ValueError, match=r"model\.weights=none.*train\.encoder_learning_rate"):
        Settings(model=random, train=TrainSettings(encoder_learning_rate=0))
    Settings(model=random, train=TrainSettings(encoder_learning_rate=3e-4))


def test_settings_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        Settings().data.seed = 3


def test_lists_are_not_shared_between_settings():
    ModelSettings().decoder_filters.append(8)
    assert ModelSettings().decoder_filters == [192, 96, 64]
