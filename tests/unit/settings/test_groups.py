from dataclasses import FrozenInstanceError

import pytest

from capsule_inspect.choices import QUANTIZATIONS
from capsule_inspect.imaging.roi import Roi
from capsule_inspect.modelfile.metadata import OperatingPoint
from capsule_inspect.settings.groups import (
    AugmentSettings,
    DataSettings,
    ExportSettings,
    ModelSettings,
    PredictSettings,
    Settings,
    ThresholdSettings,
    TrainSettings,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"val": -0.1}, "data.val"),
        ({"test": 1.0}, "data.test"),
        ({"val": 0.5, "test": 0.5}, r"data.val \+ data.test is 1.0,"),
        ({"val": NAN}, "data.val"),
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
        ({"max_megapixels": NAN}, "predict.max_megapixels"),
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
        ({"decoder_dropout": -0.1}, "model.decoder_dropout"),
        ({"head_shrinkage": 0.0}, "model.head_shrinkage"),
        ({"head_shrinkage": NAN}, "model.head_shrinkage"),
        ({"mask_stride": 3}, "model.mask_stride"),
        ({"head": "regoin"}, "model.head .*'region'.*region, views, mask_pooling"),
        ({"roi": Roi("capsule", 100, 192, 428)}, "model.roi.width is 100,.* 32"),
        ({"roi": Roi("capsule", 480, 60, 428)}, "model.roi.height is 60,.* 32"),
        ({"roi_shape": "picture"}, "model.roi_shape .*'pictures'.*fixed, pictures"),
        ({"roi_shape": "pictures"}, "model.roi_shape is pictures, .* model.roi.mode=stretched"),
    ],
)
def test_impossible_networks_are_refused_by_name(changes, named):
    with pytest.raises(ValueError, match=named):
        ModelSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"epochs": 0}, "train.epochs"),
        ({"steps": 0}, "train.steps"),
        ({"batch_size": 0}, "train.batch_size"),
        ({"validate_every": 0}, "train.validate_every"),
        ({"seeds": 0}, "train.seeds"),
        ({"learning_rate": 0.0}, "train.learning_rate"),
        ({"learning_rate": NAN}, "train.learning_rate is nan"),
        ({"frozen_learning_rate": 0.0}, "train.frozen_learning_rate"),
        ({"defect_weight": 0.0}, "train.defect_weight"),
        ({"seed": -1}, "train.seed"),
        ({"drawn": -1}, "train.drawn"),
        ({"frozen_epochs": -1}, "train.frozen_epochs"),
        ({"patience": -1}, "train.patience"),
        ({"encoder_learning_rate": -1e-9}, "train.encoder_learning_rate"),
        ({"weight_decay": -1e-9}, "train.weight_decay"),
        ({"clipnorm": -1e-9}, "train.clipnorm"),
        ({"clipnorm": float("inf")}, "train.clipnorm is inf"),
        ({"folds": 1}, "train.folds"),
        ({"folds": -2}, "train.folds"),
        ({"seeds": 2}, "needs train.folds"),
        ({"seed": 2**32}, "train.seed is .* below 4294967296"),
        ({"seed": 2**32 - 1, "seeds": 2, "folds": 2}, r"train.seed \+ train.seeds is 4294967297,"),
        ({"schedule": "cosine"}, "one_cycle, constant"),
        ({"mask_loss": "dice"}, "classes, any_defect"),
        ({"transplant": 1.01}, "train.transplant"),
        ({"drawn_share": -0.01}, "train.drawn_share"),
        ({"label_smoothing": 1.0}, "train.label_smoothing"),
        ({"average_momentum": 1.0}, "train.average_momentum"),
        ({"average_momentum": -0.1}, "train.average_momentum"),
    ],
)
def test_impossible_training_is_refused_by_name(changes, named):
    with pytest.raises(ValueError, match=named):
        TrainSettings(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 1, "steps": 1, "batch_size": 2, "validate_every": 1},
        {"drawn": 0, "patience": 0, "weight_decay": 0.0, "clipnorm": 0.0, "label_smoothing": 0.0},
        {"seed": 2**32 - 1},
        {"folds": 2, "seeds": 2},
        {"transplant": 1.0, "drawn_share": 1.0, "average_momentum": 0.0},
        {"label_smoothing": 0.99, "average_momentum": 0.9999},
    ],
)
def test_the_extremes_of_training_are_allowed(changes):
    TrainSettings(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        *({name: -0.1} for name in ("rotate", "shift_x", "shift_y", "brightness")),
        *(
            {name: 1.1}
            for name in ("flip", "blur", "noise", "compress", "scale", "contrast", "cast")
        ),
        {"flip": -0.1},
        {"gamma": 0.99},
        {"rotate": NAN},
        {"gamma": float("inf")},
    ],
)
def test_impossible_variation_is_refused_by_name(changes):
    ((name, value),) = changes.items()
    with pytest.raises(ValueError, match=rf"train\.augment\.{name} is {value}, but must be"):
        AugmentSettings(**changes)


def test_no_variation_at_all_is_allowed():
    AugmentSettings(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"format": "int4"}, "export.format .*'int8'.*int8, float32, float16, dynamic"),
        ({"calibration": 0}, "export.calibration is 0"),
        ({"min_agreement": -3.0}, "export.min_agreement is -3.0"),
        ({"min_agreement": NAN}, "export.min_agreement is nan"),
        ({"max_dice_drop": -1.0}, "export.max_dice_drop is -1.0"),
    ],
)
def test_impossible_conversions_are_refused_by_name(changes, named):
    with pytest.raises(ValueError, match=named):
        ExportSettings(**changes)


def test_the_extremes_of_conversions_are_allowed():
    ExportSettings(calibration=1, min_agreement=0.0, max_dice_drop=1.0)
    ExportSettings(min_agreement=1.0, max_dice_drop=0.0)


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_every_format_of_model_files_can_be_exported(quantization):
    assert ExportSettings(format=quantization).format == quantization


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
    assert ModelSettings().decoder_filters == [128, 96]


@pytest.mark.parametrize(
    ("policy", "value", "reason"),
    [
        ("best", 0.0, "threshold.policy .*'best_f1'.*auto, best_f1, max_miss_rate"),
        ("max_miss_rate", 1.0, "below 1"),
        ("max_miss_rate", -0.01, "at least 0"),
        ("best_f1", 0.02, "max_miss_rate alone"),
        ("auto", 0.02, "max_miss_rate alone"),
    ],
)
def test_what_cannot_be_is_refused(policy, value, reason):
    with pytest.raises(ValueError, match=reason):
        ThresholdSettings(policy, value)


def test_auto_stands_for_what_was_chosen_before():
    earlier = OperatingPoint(policy="max_miss_rate", policy_value=0.02)
    assert ThresholdSettings().resolve(earlier) == ThresholdSettings("max_miss_rate", 0.02)
    assert ThresholdSettings("best_f1").resolve(earlier) == ThresholdSettings("best_f1")
