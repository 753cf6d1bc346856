"""What a search leaves in its run folder: the best settings, and a table of all trials."""

import csv
import io

import optuna
from optuna.trial import FrozenTrial, TrialState

from capsule_inspect.replacing import replace_text
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.settings.as_yaml import groups_to_yaml
from capsule_inspect.settings.dotted import with_value
from capsule_inspect.settings.settings import Settings

BEST = "best.yaml"
"""The experiment file with the best settings; `train experiment=PATH` takes it."""

TABLE = "trials.csv"
"""A row per trial: its state, its score, what was drawn."""

_HEADER = "# @package _global_\n# The best settings that `capsule-inspect tune` found: trial {}.\n"


def write_search_report(study: optuna.Study, run: RunFolder, settings: Settings) -> None:
    """Writes best.yaml, if a trial is complete, and trials.csv; a reader never sees half a file.

    Args:
        study: The study.
        run: Where the files go.
        settings: Of the search. best.yaml holds all of `model` and `train`, since the best values
            are the best of the network they were found with.
    """
    best = best_trial(study)
    if best is not None:
        for key, value in best.params.items():
            settings = with_value(settings, key, value)
        text = groups_to_yaml(settings, ("model", "train"))
        replace_text(run.path / BEST, _HEADER.format(best.number) + text)
    replace_text(run.path / TABLE, _table(study.get_trials(deepcopy=False)))


def best_trial(study: optuna.Study) -> FrozenTrial | None:
    """Returns the complete trial with the greatest score, the first of equals; None without one."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(complete, key=lambda trial: trial.value or 0.0, default=None)


def _table(trials: list[FrozenTrial]) -> str:
    keys = sorted({key for trial in trials for key in trial.params})
    stream = io.StringIO()
    columns = ("number", "state", "score", "epochs", "seconds", *keys)
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for trial in trials:
        row = {"number": trial.number, "state": trial.state.name.lower(), **trial.params}
        row["epochs"] = trial.last_step or 0
        if trial.value is not None:
            row["score"] = f"{trial.value:.6g}"
        # How long a trial ran whose worker died, nobody knows.
        if trial.duration and trial.state != TrialState.FAIL:
            row["seconds"] = f"{trial.duration.total_seconds():.1f}"
        writer.writerow(row)
    return stream.getvalue()
