"""What a search leaves in its run folder: the best settings, and a table of all trials."""

import csv
import io
import os
from pathlib import Path

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from capsule_inspect.dotted import nested
from capsule_inspect.training.run_folder import RunFolder

BEST = "best.yaml"
"""The experiment file with the best settings; `train experiment=PATH` takes it."""

TABLE = "trials.csv"
"""A row per trial: its state, its score, what was drawn."""

_HEADER = "# @package _global_\n# The best settings that `capsule-inspect tune` found: trial {}.\n"


def write_report(study: optuna.Study, run: RunFolder) -> None:
    """Writes best.yaml, if a trial is complete, and trials.csv; a reader never sees half a file."""
    best = best_trial(study)
    if best is not None:
        settings = yaml.safe_dump(nested(best.params.items()), sort_keys=True)
        _replace(run.path / BEST, _HEADER.format(best.number) + settings)
    _replace(run.path / TABLE, _table(study.get_trials(deepcopy=False)))


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


def _replace(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
