"""Trials of another search space: refused within a study, and taken over by a new one."""

from dataclasses import replace
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from capsule_inspect.errors import UsageError
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.search.sampling import distributions
from capsule_inspect.search.storage import open_search
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.yaml_text import read_settings
from capsule_inspect.text import command_line


def require_same_space(study: optuna.Study, run: RunFolder, settings: Settings) -> None:
    """Checks that a study goes on with the search space of its trials.

    Raises:
        UsageError: A searched setting has other values now, which Optuna does not allow.
    """
    space = distributions(settings)
    for trial in study.get_trials(deepcopy=False):
        for key, known in trial.distributions.items():
            if space.get(key) != known:
                new = command_line("tune", "--data", settings.data.dir, f"tune.start={run.path}")
                raise UsageError(
                    f"The search space of '{run.path}' is no longer that of its trials: "
                    f"{key} has other values. A search keeps its space. Put config.yaml back, or "
                    f"begin a new search, which takes the old trials that fit: {new}"
                )


def take_over(study: optuna.Study, settings: Settings) -> tuple[int, int]:
    """Adds the finished trials of the search `tune.start` that fit the space of a new one.

    Args:
        study: The new study, without trials.
        settings: The space, and the run folder of the other search.

    Returns:
        The number of trials added, and the number of finished trials of the other search.

    Raises:
        UsageError: There is no search in that folder.
        ConfigError: Its settings or its storage cannot be read.
    """
    folder = RunFolder(Path(settings.tune.start))
    if not folder.config.is_file():
        raise UsageError(
            f"There is no search in '{folder.path}': it holds no config.yaml. Give tune.start the "
            "run folder of a search."
        )
    earlier = replace(read_settings(folder.config).tune, resume=str(folder.path))
    finished = open_search(earlier, folder).get_trials(
        deepcopy=False, states=(TrialState.COMPLETE,)
    )
    space = distributions(settings)
    fitting = [trial for each in finished if (trial := _in_space(each, space))]
    study.add_trials(fitting)
    return len(fitting), len(finished)


def _in_space(trial: FrozenTrial, space: dict[str, BaseDistribution]) -> FrozenTrial | None:
    """Returns a trial as one of another space; None if it has other settings or values."""
    if trial.params.keys() != space.keys():
        return None
    try:
        return create_trial(
            params=trial.params,
            distributions=space,
            value=trial.value,
            intermediate_values=trial.intermediate_values,
        )
    except ValueError:  # a value that the space does not have
        return None
