import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from capsule_inspect.errors import ConfigError
from capsule_inspect.search.sampling import distributions, trial_settings
from capsule_inspect.settings.groups import Settings, TrainSettings, TuneSettings
from capsule_inspect.settings.search_space import Dimension, SpaceSettings


def test_each_dimension_becomes_the_distribution_of_its_type():
    space = SpaceSettings(
        [
            Dimension("train.learning_rate", 1e-4, 1e-2, log=True),
            Dimension("train.batch_size", 4, 12, step=4),
            Dimension("model.encoder", choices=["efficientnet_lite0", "efficientnet_lite1"]),
        ]
    )
    assert distributions(Settings(space=space)) == {
        "train.learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
        "train.batch_size": IntDistribution(4, 12, step=4),
        "model.encoder": CategoricalDistribution(["efficientnet_lite0", "efficientnet_lite1"]),
    }


def test_a_trial_is_one_run_of_the_length_of_trials_that_is_validated_after_each_epoch():
    settings = Settings(
        tune=TuneSettings(epochs=3), train=TrainSettings(patience=2, folds=5, seeds=2)
    )
    train = trial_settings(settings, {"train.learning_rate": 0.5}).train
    assert train.learning_rate == 0.5
    assert (train.epochs, train.validate_every, train.patience) == (3, 1, 0)
    assert (train.folds, train.seeds) == (0, 1)


def test_values_that_do_not_go_together_are_answered_with_advice():
    with pytest.raises(ConfigError, match=r"learning_rate.* Make the search space smaller"):
        trial_settings(Settings(), {"train.learning_rate": -1.0})
