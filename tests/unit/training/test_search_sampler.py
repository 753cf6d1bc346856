import optuna
import pytest

from capsule_inspect.settings.tune_settings import TuneSettings
from capsule_inspect.training.search_sampler import make_sampler

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
