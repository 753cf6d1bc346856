from dataclasses import FrozenInstanceError

import pytest

from capsule_inspect.settings.augment_settings import AugmentSettings
from capsule_inspect.settings.data_settings import DataSettings
from capsule_inspect.settings.export_settings import ExportSettings
from capsule_inspect.settings.model_settings import ModelSettings
from capsule_inspect.settings.predict_settings import PredictSettings
from capsule_inspect.settings.settings import Settings
from capsule_inspect.settings.train_settings import TrainSettings


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"val": -0.1}, "data.val"),
        ({"test": 1.0}, "data.test"),
        ({"val": 0.5, "test": 0.5}, "data.val"),
        ({"val": float("nan")}, "data.val"),
        ({"folds": 1}, "data.folds"),
        ({"folds": -2}, "data.folds"),
        ({"seed": -1}, "data.seed"),
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


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"head_units": []}, "model.head_units"),
        ({"head_units": [8, 0]}, "model.head_units"),
        ({"decoder_filters": [8]}, "model.decoder_filters"),
        ({"decoder_filters": [8, 0]}, "model.decoder_filters"),
        ({"head_dropout": 1.0}, "model.head_dropout"),
        ({"decoder_dropout": -0.1}, "decoder_dropout"),
        ({"head_l2": -0.1}, "model.head_l2"),
        ({"mask_stride": 4}, "model.mask_stride"),
    ],
)
def test_impossible_networks_are_refused_by_name(changes, named):
    with pytest.raises(ValueError, match=named):
        ModelSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"epochs": 0}, "train.epochs"),
        ({"steps": 0}, "steps"),
        ({"batch_size": 0}, "batch_size"),
        ({"validate_every": 0}, "validate_every"),
        ({"seeds": 0}, "seeds"),
        ({"learning_rate": 0.0}, "train.learning_rate"),
        ({"frozen_learning_rate": 0.0}, "frozen_learning_rate"),
        ({"defect_weight": 0.0}, "defect_weight"),
        ({"seed": -1}, "train.seed"),
        ({"drawn": -1}, "drawn"),
        ({"frozen_epochs": -1}, "frozen_epochs"),
        ({"patience": -1}, "patience"),
        ({"encoder_learning_rate": -1e-9}, "encoder_learning_rate"),
        ({"weight_decay": -1e-9}, "weight_decay"),
        ({"clipnorm": -1e-9}, "clipnorm"),
        ({"folds": 1}, "train.folds"),
        ({"folds": -2}, "train.folds"),
        ({"seeds": 2}, "needs train.folds"),
        ({"seed": 2**32}, "below 4294967296"),
        ({"seed": 2**32 - 1, "seeds": 2, "folds": 2}, "below 4294967296"),
        ({"schedule": "cosine"}, "one_cycle, constant"),
        ({"mask_loss": "dice"}, "classes, any_defect"),
        ({"transplant": 1.01}, "train.transplant"),
        ({"drawn_share": -0.01}, "drawn_share"),
        ({"label_smoothing": 1.01}, "label_smoothing"),
        ({"average_momentum": 1.01}, "average_momentum"),
    ],
)
def test_impossible_training_is_refused_by_name(changes, named):
    with pytest.raises(ValueError, match=named):
        TrainSettings(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 1, "steps": 1, "batch_size": 1, "validate_every": 1},
        {"drawn": 0, "patience": 0, "weight_decay": 0.0, "clipnorm": 0.0, "label_smoothing": 0.0},
        {"seed": 2**32 - 1},
        {"folds": 2, "seeds": 2},
        {"transplant": 1.0, "drawn_share": 1.0, "average_momentum": 1.0},
    ],
)
def test_the_extremes_of_training_are_allowed(changes):
    TrainSettings(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        *({name: -0.1} for name in ("rotate", "shift_x", "shift_y", "brightness")),
        *({name: 1.1} for name in ("flip", "blur", "noise", "scale", "contrast", "cast")),
        {"flip": -0.1},
        {"gamma": 0.99},
    ],
)
def test_impossible_variation_is_refused(changes):
    with pytest.raises(ValueError, match=r"train\.augment"):
        AugmentSettings(**changes)


def test_no_variation_at_all_is_allowed():
    AugmentSettings(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0)


def test_int8_ranges_need_a_picture_to_be_measured_on():
    with pytest.raises(ValueError, match=r"export\.calibration"):
        ExportSettings(calibration=0)
    ExportSettings(calibration=1)


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
