"""The trials of a search, and which of them are running, finished or abandoned."""

import platform
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from capsule_inspect.folder_lock import FolderLock, HeldError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.search.sampling import distributions
from capsule_inspect.settings.groups import Settings, TuneSettings
from capsule_inspect.settings.keys import Value


def make_sampler(settings: TuneSettings, trials: int) -> BaseSampler:
    """Makes a sampler for one draw: the tree-structured Parzen estimator (Bergstra et al., 2011).

    Args:
        settings: The seed, and the number of trials drawn at random.
        trials: How many trials were drawn before. Each number gives another draw, so a resumed
            search or a second worker does not repeat earlier draws.
    """
    seed = int(np.random.SeedSequence([settings.seed, trials]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # A "constant liar" keeps workers away from settings that others are trying.
        return TPESampler(seed=seed, n_startup_trials=settings.startup_trials, constant_liar=True)


_WORKER, _AGAIN = "worker", "again"
_TAKEN = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


@dataclass(frozen=True)
class ClaimedTrial:
    """A trial that this process runs.

    Attributes:
        trial: The trial, with its settings drawn.
        folder: Where its files go.
        lock: Held until the trial's result is stored. It shows other workers that this one is
            alive.
    """

    trial: optuna.Trial
    folder: RunFolder
    lock: FolderLock

    @property
    def drawn(self) -> Mapping[str, Value]:
        """The drawn settings, by dotted key."""
        return self.trial.params


def run_lock(run: RunFolder, warn: Callable[[str], None] = lambda _: None) -> FolderLock:
    """Returns the lock that workers hold while they change shared files; a context manager.

    Args:
        run: The run folder that the workers share.
        warn: Called with a sentence if the file system has no locks.
    """
    return FolderLock(run.path, wait=True, warn=warn)


def claim_trial(study: optuna.Study, run: RunFolder, settings: Settings) -> ClaimedTrial | None:
    """Takes the next trial: one whose worker died or was stopped, or else a new one.

    Args:
        study: The study.
        run: The run folder that the workers share.
        settings: The search space, and the total number of trials.

    Returns:
        The trial; None if all are finished or run in other workers.
    """
    with run_lock(run):
        _give_back_dead(study, run)
        if len(study.get_trials(deepcopy=False, states=_TAKEN)) >= settings.tune.trials:
            return None
        study.sampler = make_sampler(settings.tune, _count_drawn(study))
        trial = study.ask(distributions(settings))
        folder = RunFolder(_folder(run, trial.number))
        folder.path.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(folder.path, wait=True)
        lock.acquire()
        trial.set_user_attr(_WORKER, [platform.node(), str(folder.path.resolve())])
        return ClaimedTrial(trial, folder, lock)


def _count_drawn(study: optuna.Study) -> int:
    """Counts trials without those that repeat one, so that lost workers change no later draw."""
    return sum(_AGAIN not in trial.user_attrs for trial in study.get_trials(deepcopy=False))


def give_back(study: optuna.Study, number: int) -> None:
    """Queues the settings of an unfinished trial, to run as another trial.

    Args:
        study: The study.
        number: The trial. The caller marks it as failed.
    """
    trials = study.get_trials(deepcopy=False)
    trial = trials[number]
    drawn = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    # A worker may have died after this call and before it marked the trial.
    given_back = any(other.user_attrs.get(_AGAIN) == number for other in trials)
    if drawn and not given_back:
        study.enqueue_trial(drawn, user_attrs={_AGAIN: number})


def _give_back_dead(study: optuna.Study, run: RunFolder) -> None:
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        folder = _folder_of(trial, run)
        if folder is None:
            continue
        try:
            with FolderLock(folder):
                give_back(study, trial.number)
                study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        except HeldError:  # its worker is alive
            continue


def _folder_of(trial: FrozenTrial, run: RunFolder) -> Path | None:
    """Returns the folder with the lock of a running trial; None if another machine has it."""
    folder = _folder(run, trial.number)
    host, written = trial.user_attrs.get(_WORKER, (platform.node(), folder))
    if Path(written).is_dir():
        return Path(written)
    if host != platform.node():
        return None
    # The run folder was moved, or the worker died before it stored its folder.
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _folder(run: RunFolder, number: int) -> Path:
    return run.path / f"trial-{number:03d}"
