import pytest

from capsule_inspect.imaging.roi import Roi
from capsule_inspect.settings.groups import ModelSettings, Settings, TuneSettings
from capsule_inspect.settings.search_space import Dimension, SpaceSettings


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "low and high, or choices"),
        ({"low": 1.0}, "low and high, or choices"),
        ({"low": 2.0, "high": 1.0}, "low that is below"),
        ({"low": 1.0, "high": 1.0}, "low that is below"),
        ({"low": float("nan"), "high": 1.0}, "low that is below"),
        ({"low": 0.0, "high": float("inf")}, "low that is below"),
        ({"low": 0.0, "high": 1.0, "log": True}, "low above 0"),
        ({"low": 0.1, "high": 1.0, "log": True, "step": 0.1}, "no step"),
        ({"low": 0.0, "high": 1.0, "step": 0.0}, "step above 0"),
        ({"low": 0.0, "high": 1.0, "step": 0.3}, "whole steps"),
        ({"choices": [1.0, 2.0], "low": 1.0}, "leave out low"),
        ({"choices": [1.0, 2.0], "log": True}, "leave out low"),
        ({"choices": [1.0]}, "two choices"),
        ({"choices": [1.0, 2.0, 1.0]}, "none of them twice"),
    ],
)
def test_a_dimension_that_cannot_be_searched_is_refused_by_its_key(changes, named):
    with pytest.raises(ValueError, match=named) as caught:
        Dimension("train.drawn_share", **changes)
    assert "train.drawn_share" in str(caught.value)


def test_steps_are_counted_in_decimal():
    assert Dimension("train.transplant", 0.1, 0.7, step=0.2).step == 0.2


@pytest.mark.parametrize(
    ("dimension", "named"),
    [
        (Dimension("train.lr", 0.1, 1), "'train.lr' is not a single setting"),
        (Dimension("train.augment", 0.1, 1), "'train.augment' is not a single setting"),
        (Dimension("model.decoder_filters", 1, 2), "decoder_filters' is not a single setting"),
        (Dimension("data.seed", 1, 2), "'data.seed' is not a single setting"),
        (Dimension("train.epochs", 1, 2), r"tune\.epochs says"),
        (Dimension("train.resume", choices=["a", "b"]), "trials start anew"),
        (Dimension("train.steps", 1.5, 3), "whole numbers, not '1.5'"),
        (Dimension("train.steps", 1, 3, step=0.5), "whole numbers, not '0.5'"),
        (Dimension("train.steps", choices=[4, "x"]), "whole numbers, not 'x'"),
        (Dimension("train.steps", choices=[True, 4]), "whole numbers, not 'True'"),
        (Dimension("train.transplant", choices=[0.1, True]), "numbers, not 'True'"),
        (Dimension("train.transplant", choices=[0.1, float("nan")]), "numbers, not 'nan'"),
        (Dimension("model.encoder", 1, 2), "choices that are words"),
        (Dimension("model.encoder", choices=["efficientnet_lite0", 3]), "words, not '3'"),
        (Dimension("train.label_smoothing", 0.0, 1.5), "cannot be 1.5"),
        (Dimension("model.head_dropout", choices=[0.5, 1.0]), "cannot be 1.0"),
        (Dimension("model.roi.mode", choices=["whole", "half"]), "cannot be half"),
        (Dimension("model.roi_shape", choices=["fixed", "pictures"]), "settled before the search"),
    ],
)
def test_a_dimension_must_be_a_setting_that_may_take_its_values(dimension, named):
    with pytest.raises(ValueError, match=named):
        Settings(space=SpaceSettings([dimension]))


def test_sides_are_searched_only_if_the_pictures_do_not_decide_them():
    space = SpaceSettings([Dimension("model.roi.width", choices=[256, 320])])
    whole = Roi("whole", 256, 256, 428)
    Settings(model=ModelSettings(roi=whole), space=space)
    with pytest.raises(ValueError, match=r"space: model\.roi\.width .*model\.roi_shape=fixed"):
        Settings(model=ModelSettings(roi=whole, roi_shape="pictures"), space=space)


def test_whole_numbers_stay_whole_and_others_do_not():
    assert repr(Dimension("train.steps", 4.0, 8.0, step=2.0).values(int)) == "[4, 8, 2]"
    assert repr(Dimension("train.weight_decay", choices=[0, 1]).values(float)) == "[0.0, 1.0]"


def test_nested_settings_and_words_can_be_searched():
    dimensions = [
        Dimension("train.augment.rotate", 0, 10),
        Dimension("model.encoder", choices=["efficientnet_lite0", "efficientnet_lite1"]),
    ]
    assert Settings(space=SpaceSettings(dimensions)).space.dimensions == dimensions


def test_a_space_has_every_setting_once_and_at_least_one():
    twice = [Dimension("train.transplant", 0, 1)] * 2
    with pytest.raises(ValueError, match=r"train\.transplant twice"):
        SpaceSettings(twice)
    with pytest.raises(ValueError, match="empty"):
        SpaceSettings([])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"trials": 0}, "tune.trials"),
        ({"epochs": 0}, "tune.epochs"),
        ({"startup_trials": -1}, "startup_trials"),
        ({"warmup_epochs": -1}, "warmup_epochs"),
        ({"seed": -1}, "seed"),
        ({"pruner": "hyperband"}, "median, none"),
        ({"study": ""}, "tune.study"),
    ],
)
def test_an_impossible_search_is_refused_by_name(changes, named):
    with pytest.raises(ValueError, match=named):
        TuneSettings(**changes)
