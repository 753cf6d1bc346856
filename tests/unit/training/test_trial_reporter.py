import math

import optuna
import pytest

from capsule_inspect.training.trial_reporter import TrialReporter


def reporter(notes: list[str], epochs: int = 3, pruner=None) -> tuple[optuna.Trial, TrialReporter]:
    study = optuna.create_study(direction="maximize", pruner=pruner or optuna.pruners.NopPruner())
    trial = study.ask()
    return trial, TrialReporter(trial, epochs, notes.append)


def test_scores_are_stored_and_told():
    notes = []
    trial, mine = reporter(notes)
    assert math.isnan(mine.last)
    mine.report(1, 0.5)
    mine.report(2, 0.75)
    assert mine.last == 0.75
    assert trial.study.trials[0].intermediate_values == {1: 0.5, 2: 0.75}
    assert notes == ["Trial 0, epoch 1 of 3: score 0.5000", "Trial 0, epoch 2 of 3: score 0.7500"]


def test_a_trial_that_is_not_worth_it_is_stopped_but_never_after_its_last_epoch():
    notes = []
    hopeless = optuna.pruners.ThresholdPruner(lower=0.9)
    _, mine = reporter(notes, epochs=2, pruner=hopeless)
    with pytest.raises(optuna.TrialPruned):
        mine.report(1, 0.5)
    assert notes[-1] == "Trial 0 is stopped: others did better by now."
    mine.report(2, 0.5)


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_no_number_ends_the_trial(score):
    trial, mine = reporter([])
    with pytest.raises(optuna.TrialPruned):
        mine.report(1, score)
    assert trial.study.trials[0].intermediate_values == {}
