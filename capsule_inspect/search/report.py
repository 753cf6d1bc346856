"""Report a search: its best settings, its trials and its figures."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.trial import FrozenTrial, TrialState

from capsule_inspect.evaluation.figures import BLUE, REDDISH_PURPLE, VERMILLION
from capsule_inspect.files import atomic_write, write_text
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.search.trials import run_lock
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import with_value
from capsule_inspect.settings.yaml_text import groups_to_yaml

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
        write_text(run.path / BEST, _HEADER.format(best.number) + text)
    write_text(run.path / TABLE, _table(study.get_trials(deepcopy=False)))


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


HISTORY = "history.png"
"""The score of every trial, and the best so far."""

IMPORTANCE = "importance.png"
"""How much of the score's variance each setting accounts for."""

_LEAST_TRIALS = 10
"""Trees grown on fewer trials than this are noise."""


def draw_search(study: optuna.Study, run: RunFolder, seed: int) -> str:
    """Draws history.png and, where there are trials enough, importance.png.

    Args:
        study: The study, with at least one complete trial.
        run: Where the pictures go.
        seed: Of the forest of trees behind the importance.

    Returns:
        A sentence on what was drawn, and what was not and why.
    """
    with run_lock(run):  # the worker that comes last draws all trials
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        _save(_history(study), run.path / HISTORY)
        shared = set.intersection(*(set(trial.params) for trial in complete))
        # With as many settings as trials any of them can explain any score.
        needed = max(_LEAST_TRIALS, len(shared) + 1)
        if len(complete) < needed or len({trial.value for trial in complete}) < 2:
            return (
                f"Drew {run.path / HISTORY}. How much each setting matters cannot be told yet: "
                f"that takes {needed} complete trials whose scores differ; there are "
                f"{len(complete)}."
            )
        _save(_importance(study, seed), run.path / IMPORTANCE)
    return f"Drew {run.path / HISTORY} and {run.path / IMPORTANCE}."


def _history(study: optuna.Study) -> Figure:
    figure, axes = _figure(4.5)
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    pruned = study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
    numbers, scores = _points(complete)
    best = [max(scores[: i + 1]) for i in range(len(scores))]
    end = max(trial.number for trial in (*complete, *pruned))
    axes.step(
        [*numbers, end], [*best, best[-1]], where="post", color=VERMILLION, label="best so far"
    )
    axes.plot(numbers, scores, "o", color=BLUE, label="complete")
    if pruned:
        axes.plot(
            *_points(pruned),
            "x",
            color=REDDISH_PURPLE,
            markeredgewidth=2,
            label="pruned, at its last epoch",
        )
    axes.set_xlabel("trial")
    axes.set_ylabel("score on the validation split")
    axes.set_xlim(-0.5, end + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def _importance(study: optuna.Study, seed: int) -> Figure:
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    ascending = sorted(shares.items(), key=lambda item: item[1])
    figure, axes = _figure(1.2 + 0.35 * len(ascending))
    values = [value for _, value in ascending]
    bars = axes.barh([key for key, _ in ascending], values, color=BLUE, height=0.6)
    axes.bar_label(bars, fmt="{:.0%}", padding=3)
    axes.set_xlim(0, 1.1 * max(values))
    axes.set_ylim(-0.7, len(values) - 0.3)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.set_xlabel("share of the score's variance (fANOVA)")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, height), dpi=120, layout="constrained")
    return figure, figure.add_subplot()


def _points(trials: Sequence[FrozenTrial]) -> tuple[list[int], list[float]]:
    pairs = [(trial.number, trial.value) for trial in trials if trial.value is not None]
    return [number for number, _ in pairs], [value for _, value in pairs]


def _save(figure: Figure, path: Path) -> None:
    with atomic_write(path) as unfinished:
        figure.savefig(unfinished, format="png")
