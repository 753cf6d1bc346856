import math

import optuna
import pytest

from capsule_inspect.training.callbacks.report_epochs import ReportEpochs
from capsule_inspect.training.trial_reporter import TrialReporter


@pytest.fixture
def trial():
    return optuna.create_study(direction="maximize").ask()


@pytest.fixture
def callback(trial):
    return ReportEpochs(TrialReporter(trial, 3, lambda _: None))


def reported(trial):
    return trial.study.trials[0].intermediate_values


def test_validated_epochs_are_reported_from_one_and_others_are_not(trial, callback):
    callback.on_epoch_end(0, {"loss": 1.0})
    callback.on_epoch_end(1, {"loss": 1.0, "val_accuracy": 0.8, "val_dice": 0.4})
    callback.on_epoch_end(2, {"loss": 1.0, "val_accuracy": 0.9})
    assert reported(trial) == pytest.approx({2: 0.6, 3: 0.9})


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_training(trial, callback, loss):
    callback.on_train_batch_end(0, {"loss": 1.0})
    with pytest.raises(optuna.TrialPruned):
        callback.on_train_batch_end(1, {"loss": loss})
    assert reported(trial) == {}
