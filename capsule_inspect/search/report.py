"""Report a search: the best settings, a table of the trials, and figures."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
from matplotlib import pyplot, rc_context
from matplotlib.ticker import MaxNLocator
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization.matplotlib import plot_optimization_history, plot_param_importances

from capsule_inspect.files import atomic_write, write_csv, write_text
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.search.trials import run_lock
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import with_value
from capsule_inspect.settings.yaml_text import groups_to_yaml

BEST = "best.yaml"
"""The experiment file with the best settings; `train experiment=PATH` takes it."""

TABLE = "trials.csv"
"""A row for each trial: its state, score and settings."""

_HEADER = "# @package _global_\n# The best settings that `capsule-inspect tune` found: trial {}.\n"


def write_search_report(study: optuna.Study, run: RunFolder, settings: Settings) -> None:
    """Writes trials.csv and, once a trial is complete, best.yaml. Each file is replaced whole.

    Args:
        study: The study.
        run: The folder to write to.
        settings: The settings of the search. best.yaml holds all of `model` and `train`, because
            the best values belong to the network they were found with.
    """
    best = best_trial(study)
    if best is not None:
        for key, value in best.params.items():
            settings = with_value(settings, key, value)
        text = groups_to_yaml(settings, ("model", "train"))
        write_text(run.path / BEST, _HEADER.format(best.number) + text)
    write_csv(run.path / TABLE, _rows(study.get_trials(deepcopy=False)))


def best_trial(study: optuna.Study) -> FrozenTrial | None:
    """Returns the complete trial with the greatest score, the first of equals; None without one."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(complete, key=lambda trial: trial.value or 0.0, default=None)


def _rows(trials: list[FrozenTrial]) -> Iterator[list[object]]:
    keys = sorted({key for trial in trials for key in trial.params})
    yield ["number", "state", "score", "epochs", "seconds", *keys]
    for trial in trials:
        score = None if trial.value is None else f"{trial.value:.6g}"
        # Nobody knows how long a trial ran if its worker died.
        duration = None if trial.state == TrialState.FAIL else trial.duration
        seconds = f"{duration.total_seconds():.1f}" if duration else None
        drawn = [trial.params.get(key) for key in keys]
        state = trial.state.name.lower()
        yield [trial.number, state, score, trial.last_step or 0, seconds, *drawn]


HISTORY = "history.png"
"""The score of every trial, and the best so far."""

IMPORTANCE = "importance.png"
"""The share of the score's variance that each setting explains."""

_PURPLE = "#CC79A7"
"""People who see few colours tell it from Optuna's blue and red (Okabe and Ito's palette)."""

_LEAST_TRIALS = 10
"""Trees fitted to fewer trials show noise."""


def draw_search(study: optuna.Study, run: RunFolder, seed: int) -> str:
    """Draws history.png and, if there are enough trials, importance.png.

    Args:
        study: The study, with at least one complete trial.
        run: The folder to write to.
        seed: The seed of the random forest that estimates the importance.

    Returns:
        A sentence that names the files, and says why importance.png is missing.
    """
    with run_lock(run):  # the last worker draws all trials
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        _draw(run.path / HISTORY, 4.5, lambda: _history(study))
        shared = set.intersection(*(set(trial.params) for trial in complete))
        # With as many settings as trials, any setting can explain any score.
        needed = max(_LEAST_TRIALS, len(shared) + 1)
        if len(complete) < needed or len({trial.value for trial in complete}) < 2:
            return (
                f"Drew {run.path / HISTORY}. {IMPORTANCE} takes {needed} complete trials whose "
                f"scores differ; there are {len(complete)}."
            )
        _draw(run.path / IMPORTANCE, 1.5 + 0.4 * len(shared), lambda: _importance(study, seed))
    return f"Drew {run.path / HISTORY} and {run.path / IMPORTANCE}."


def _history(study: optuna.Study) -> None:
    axes = plot_optimization_history(study, target_name="complete")
    (best,) = axes.get_lines()
    best.set(drawstyle="steps-post", alpha=1, label="best so far")
    # Optuna leaves out the pruned trials.
    pruned = study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
    points = [(each.number, each.value) for each in pruned if each.value is not None]
    if points:
        label = "pruned, at its last epoch"
        axes.plot(*zip(*points, strict=True), "x", color=_PURPLE, markeredgewidth=2, label=label)
    axes.set_title("Score of each trial", loc="left")
    axes.set(title="", xlabel="trial", ylabel="score on the validation split")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3, frameon=False)


def _importance(study: optuna.Study, seed: int) -> None:
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    axes = plot_param_importances(study, evaluator)
    axes.set_title("How much each setting matters", loc="left")
    axes.set(xlabel="share of the score's variance (fANOVA)", ylabel="")
    axes.legend().remove()


def _draw(picture: Path, height: float, plot: Callable[[], None]) -> None:
    """Writes a plot of Optuna's, and keeps its style from all figures that follow."""
    pyplot.switch_backend("agg")  # opens no window
    with (
        rc_context({"figure.figsize": (8, height), "figure.dpi": 120}),
        warnings.catch_warnings(),
        atomic_write(picture) as unfinished,
    ):
        warnings.simplefilter("ignore", ExperimentalWarning)
        try:
            plot()
            pyplot.savefig(unfinished, format="png", bbox_inches="tight")
        finally:
            pyplot.close()
