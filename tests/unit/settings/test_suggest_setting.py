import pytest

from capsule_inspect.settings.suggest_setting import suggest_setting


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("train.epoch", " Did you mean 'train.epochs'?"),
        ("epochs", " Did you mean 'train.epochs' or 'tune.epochs'?"),
        ("experimnet", " Did you mean 'experiment'?"),
        ("trian.epochs", " Did you mean 'train.epochs'?"),
        ("threshold.zzz", " threshold has policy, value."),
        ("zzzzzzzz", ""),
    ],
)
def test_a_key_is_answered_with_what_was_meant(key, sentence):
    assert suggest_setting(key) == sentence
