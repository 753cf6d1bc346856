"""What draws the settings of a trial."""

import warnings

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

from capsule_inspect.settings.tune_settings import TuneSettings


def make_sampler(settings: TuneSettings, trials: int) -> BaseSampler:
    """Makes a sampler for one draw: the tree-structured Parzen estimator (Bergstra et al., 2011).

    Args:
        settings: Seed, and number of trials drawn at random.
        trials: How many trials the study has. Another number gives another draw, so that neither a
            resumed search nor a second worker draws again what was drawn before.
    """
    seed = int(np.random.SeedSequence([settings.seed, trials]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # A "constant liar" keeps workers away from what others are trying.
        return TPESampler(seed=seed, n_startup_trials=settings.startup_trials, constant_liar=True)
