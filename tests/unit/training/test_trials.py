import optuna
import pytest

from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.settings import Settings
from capsule_inspect.settings.space_settings import Dimension, SpaceSettings
from capsule_inspect.settings.tune_settings import TuneSettings
from capsule_inspect.training.search_storage import open_search
from capsule_inspect.training.trials import claim_trial, give_back

SETTINGS = Settings(
    tune=TuneSettings(trials=2),
    space=SpaceSettings([Dimension("train.learning_rate", 0.1, 1.0)]),
)


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path)


@pytest.fixture
def study(run):
    return open_search(SETTINGS.tune, run)


def test_a_trial_is_claimed_once_and_no_more_than_wanted(study, run):
    first, second = (claim_trial(study, run, SETTINGS) for _ in range(2))
    assert first.drawn != second.drawn
    assert [claim.folder.path.name for claim in (first, second)] == ["trial-000", "trial-001"]
    assert claim_trial(study, run, SETTINGS) is None
    for claim in (first, second):
        claim.lock.release()


def test_the_trial_of_a_worker_that_is_gone_is_claimed_again(study, run):
    dead = claim_trial(study, run, SETTINGS)
    dead.lock.release()  # as the operating system does
    again = claim_trial(study, run, SETTINGS)
    assert again.drawn == dead.drawn
    assert study.trials[0].state == optuna.trial.TrialState.FAIL
    again.lock.release()


def test_a_trial_is_given_back_once(study, run):
    claim = claim_trial(study, run, SETTINGS)
    for _ in range(2):
        give_back(study, claim.trial.number)
    waiting = study.get_trials(states=(optuna.trial.TrialState.WAITING,))
    assert [trial.system_attrs["fixed_params"] for trial in waiting] == [claim.drawn]
    claim.lock.release()
