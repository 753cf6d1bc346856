"""Searching hyper-parameters with Optuna."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import optuna

from capsule_inspect.dataset.manifest import read_dataset
from capsule_inspect.errors import ConfigError, DataError, InterruptedRunError
from capsule_inspect.settings import Settings
from capsule_inspect.training.fit import Trained, Watcher, fit
from capsule_inspect.training.run_folder import RunFolder

BEST = "best.yaml"
"""The experiment file with the best settings, in the run folder of the study."""


@dataclass(frozen=True)
class Tuned:
    """What a search ends with.

    Attributes:
        best: The experiment file with the best settings; `train experiment=PATH` takes it.
        value: The best trial's score.
        parameters: The best trial's settings, by key.
        finished: Number of finished trials of the study.
    """

    best: Path
    value: float
    parameters: dict[str, float]
    finished: int


def tune(settings: Settings, run: RunFolder, note: Callable[[str], None]) -> Tuned:
    """Searches until the study has the wanted number of trials, or goes on with one.

    Every trial trains for `tune.epochs` and is scored on the validation split, as `score` says.

    Args:
        settings: All settings; those that are searched are replaced in each trial.
        run: Where study and trials go.
        note: Told in sentences what goes on.

    Raises:
        DataError: The data set has no validation split, or no trial finished.
        ConfigError: The storage cannot be opened.
        InterruptedRunError: The user stopped the search; the message says how to go on.
    """
    data = read_dataset(Path(settings.data.dir), settings.data.root)
    if not any(sample.split == "val" and sample.mask for sample in data.samples):
        raise DataError(
            "`tune` scores trials on the validation split, and this data set has none with masks. "
            "Prepare it with data.val above 0."
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = settings.tune.storage or f"sqlite:///{run.path / 'study.db'}"
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=settings.tune.study,
            direction="maximize",
            load_if_exists=True,
        )
        # A resumed search must not draw the random start of the first one again.
        seed = settings.train.seed + len(study.trials)
        study.sampler = optuna.samplers.TPESampler(seed=seed)
    except (optuna.exceptions.OptunaError, ValueError, ImportError) as error:
        raise ConfigError(f"The study in '{storage}' cannot be opened: {error}") from error

    def objective(trial: optuna.Trial) -> float:
        keras.backend.clear_session()
        folder = RunFolder(run.path / f"trial-{trial.number:03d}")
        folder.path.mkdir(exist_ok=True)
        note(f"Trial {trial.number}: {_spell(_suggest(trial))}")
        value = score(fit(with_parameters(settings, _suggest(trial)), data, folder, Watcher(note)))
        note(f"Trial {trial.number}: score {value:.4f}")
        return value

    try:
        study.optimize(objective, n_trials=max(0, settings.tune.trials - _finished(study)))
    except (KeyboardInterrupt, InterruptedRunError):
        raise InterruptedRunError(
            f"Stopped after {_finished(study)} trials, which are saved. Go on with: "
            f"capsule-inspect tune tune.resume={run.path} tune.trials={settings.tune.trials}"
        ) from None
    if not _finished(study):
        raise DataError(f"The study in '{storage}' has no finished trial. Raise tune.trials.")
    best = run.path / BEST
    best.write_text(_experiment(study.best_params), encoding="utf-8")
    return Tuned(best, study.best_value, dict(study.best_params), _finished(study))


def score(trained: Trained) -> float:
    """Scores a trial: the mean of accuracy and Dice on the validation split."""
    values = {metric.name: metric.value for metric in trained.metrics}
    return (values["accuracy"] + values["dice"]) / 2


def with_parameters(settings: Settings, parameters: dict[str, float]) -> Settings:
    """Returns settings with searched values put in; keys are dotted, `train` or `model`."""
    chosen: dict[str, dict[str, float]] = {"train": {}, "model": {}}
    for key, value in parameters.items():
        group, name = key.split(".")
        chosen[group][name] = value
    return replace(
        settings,
        train=replace(settings.train, epochs=settings.tune.epochs, **chosen["train"]),  # type: ignore[arg-type]  # every searched value is a float
        model=replace(settings.model, **chosen["model"]),  # type: ignore[arg-type]  # the same
    )


def _suggest(trial: optuna.Trial) -> dict[str, float]:
    return {
        "train.learning_rate": trial.suggest_float("train.learning_rate", 3e-4, 5e-3, log=True),
        "train.encoder_learning_rate": trial.suggest_float(
            "train.encoder_learning_rate", 5e-5, 1e-3, log=True
        ),
        "train.weight_decay": trial.suggest_float("train.weight_decay", 1e-4, 5e-2, log=True),
        "train.label_smoothing": trial.suggest_float("train.label_smoothing", 0.0, 0.15),
        "train.defect_weight": trial.suggest_float("train.defect_weight", 1.0, 6.0),
        "train.transplant": trial.suggest_float("train.transplant", 0.0, 0.8),
        "model.head_dropout": trial.suggest_float("model.head_dropout", 0.1, 0.6),
    }


def _finished(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)))


def _experiment(parameters: dict[str, float]) -> str:
    """Writes settings as an experiment file."""
    lines = ["# @package _global_", "# The best settings `capsule-inspect tune` found."]
    for group in ("model", "train"):
        members = {k: v for k, v in parameters.items() if k.startswith(f"{group}.")}
        if members:
            lines.append(f"{group}:")
            lines += [f"  {key.split('.')[1]}: {value!r}" for key, value in members.items()]
    return "\n".join(lines) + "\n"


def _spell(parameters: dict[str, float]) -> str:
    return ", ".join(f"{key} {value:.3g}" for key, value in parameters.items())
