import optuna
import pytest

from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.search.storage import open_search
from capsule_inspect.search.trials import claim_trial, give_back, make_sampler
from capsule_inspect.settings.groups import Settings, TuneSettings
from capsule_inspect.settings.search_space import Dimension, SpaceSettings

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


def test_a_dead_worker_changes_no_later_draw(tmp_path):
    drawn = []
    for dies in (False, True):
        run = RunFolder(tmp_path / str(dies))
        run.path.mkdir()
        study = open_search(SETTINGS.tune, run)
        first = claim_trial(study, run, SETTINGS)
        if dies:
            first.lock.release()
            first = claim_trial(study, run, SETTINGS)
        second = claim_trial(study, run, SETTINGS)
        drawn.append([first.drawn, second.drawn])
        for claim in (first, second):
            claim.lock.release()
    assert drawn[0] == drawn[1]


def test_a_trial_is_given_back_once(study, run):
    claim = claim_trial(study, run, SETTINGS)
    for _ in range(2):
        give_back(study, claim.trial.number)
    waiting = study.get_trials(states=(optuna.trial.TrialState.WAITING,))
    assert [trial.system_attrs["fixed_params"] for trial in waiting] == [claim.drawn]
    claim.lock.release()


SPACE = {"rate": optuna.distributions.FloatDistribution(0.1, 1.0)}


def drawn(seed: int, trials: int) -> float:
    study = optuna.create_study(sampler=make_sampler(TuneSettings(seed=seed), trials))
    return study.ask(SPACE).params["rate"]


def test_seed_and_number_of_trials_decide_a_draw():
    assert drawn(0, 3) == drawn(0, 3)
    assert len({drawn(0, 0), drawn(0, 1), drawn(1, 0)}) == 3


@pytest.mark.parametrize("trials", [0, 5])
def test_draws_lie_in_the_space(trials):
    assert 0.1 <= drawn(7, trials) <= 1
