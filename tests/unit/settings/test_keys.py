import pytest

from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import (
    OPTIONS,
    plain_type,
    suggest_key,
    value_of,
    with_value,
)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("train.learning_rate", float),
        ("train.augment.shift_x", int),
        ("model.roi.mode", str),
        ("train.epochs", int),
        ("model.decoder_filters", None),
        ("train.augment", None),
        ("train", None),
        ("train.nothing", None),
        ("train.epochs.more", None),
        ("", None),
    ],
)
def test_only_single_values_have_a_type(key, kind):
    assert plain_type(Settings, key) is kind


def test_a_value_or_a_group_is_found_at_any_depth():
    settings = Settings()
    assert value_of(settings, "train.augment.rotate") == 4.0
    assert value_of(settings, "train.augment") is settings.train.augment
    assert value_of(settings, "train") is settings.train


def test_a_value_is_replaced_at_any_depth_and_nothing_else_is():
    changed = with_value(Settings(), "train.augment.rotate", 9.0)
    assert changed.train.augment.rotate == 9.0
    assert changed.train.augment.scale == Settings().train.augment.scale
    assert with_value(changed, "train.augment.rotate", 4.0) == Settings()


def test_a_value_that_is_not_allowed_is_refused():
    with pytest.raises(ValueError, match="head_dropout"):
        with_value(Settings(), "model.head_dropout", 1.5)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("train.epoch", " Did you mean 'train.epochs'?"),
        ("epochs", " Did you mean 'train.epochs' or 'tune.epochs'?"),
        ("resume", " Did you mean '--resume'?"),
        ("dir", " Did you mean '--data'?"),
        ("experimnet", " Did you mean 'experiment'?"),
        ("trian.epochs", " Did you mean 'train.epochs'?"),
        ("threshold.zzz", " threshold has policy, value, review."),
        ("zzzzzzzz", ""),
    ],
)
def test_a_key_is_answered_with_what_was_meant(key, sentence):
    assert suggest_key(Settings(), key) == sentence


@pytest.mark.parametrize("key", OPTIONS)
def test_what_has_an_option_is_a_setting_of_words(key):
    assert plain_type(Settings, key) is str
