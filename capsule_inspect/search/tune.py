"""Run the trials of a search with Optuna."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import optuna
from optuna.trial import TrialState

from capsule_inspect.dataset.data_set import DataSet
from capsule_inspect.errors import DataError, InterruptedRunError
from capsule_inspect.files import write_text
from capsule_inspect.reporter import Reporter
from capsule_inspect.runs.history import validation_metrics
from capsule_inspect.runs.run import score
from capsule_inspect.runs.run_folder import RunFolder
from capsule_inspect.search.earlier_trials import require_same_space, take_over
from capsule_inspect.search.report import best_trial, write_search_report
from capsule_inspect.search.sampling import trial_settings
from capsule_inspect.search.storage import explain_storage_errors, open_search
from capsule_inspect.search.trials import ClaimedTrial, claim_trial, give_back, run_lock
from capsule_inspect.settings.groups import Settings
from capsule_inspect.settings.keys import Value
from capsule_inspect.settings.yaml_text import to_yaml
from capsule_inspect.text import command_line
from capsule_inspect.training.callbacks import has_diverged
from capsule_inspect.training.fit import fit


class TrialReporter:
    """Stores a trial's score after each epoch, and stops a trial that falls behind.

    Args:
        trial: The trial.
        epochs: The number of its epochs.
        reporter: Follows the progress.

    Attributes:
        last: The latest score; NaN before the first.
    """

    def __init__(self, trial: optuna.Trial, epochs: int, reporter: Reporter) -> None:
        self._trial, self._epochs, self._reporter = trial, epochs, reporter
        self.last = math.nan

    def report(self, epoch: int, score: float) -> None:
        """Stores the score after an epoch.

        Args:
            epoch: The epoch, from 1.
            score: More is better.

        Raises:
            optuna.TrialPruned: The trial should stop. Not raised after the last epoch.
        """
        if not math.isfinite(score):
            self.diverged()
        self._reporter.say(
            f"Trial {self._trial.number}, epoch {epoch} of {self._epochs}: score {score:.4f}"
        )
        self.last = score
        self._trial.report(score, epoch)
        if epoch < self._epochs and self._trial.should_prune():
            self._reporter.say(
                f"Trial {self._trial.number} is stopped: other trials were better at this epoch."
            )
            raise optuna.TrialPruned

    def diverged(self) -> None:
        """Stops a trial whose numbers are no longer finite.

        Raises:
            optuna.TrialPruned: Always.
        """
        self._reporter.say(f"Trial {self._trial.number} is stopped: its loss is no longer finite.")
        raise optuna.TrialPruned


RunTrial = Callable[[Settings, RunFolder, TrialReporter], float]
"""Runs a trial with its settings in its folder, reports after each epoch, and returns its score."""


@dataclass(frozen=True)
class Tuned:
    """The state of a search when a worker ends.

    Attributes:
        best: The best trial's settings, by dotted key; empty until a trial is complete.
        score: Its score; NaN until a trial is complete.
        finished: The number of finished trials of the study, pruned ones included.
        running: The number of trials that still run in other workers.
        study: All trials, for figures.
    """

    best: dict[str, Value]
    score: float
    finished: int
    running: int
    study: optuna.Study


def tune(settings: Settings, run: RunFolder, reporter: Reporter, run_trial: RunTrial) -> Tuned:
    """Runs trials of a study until all are finished or taken by other workers.

    Any number of processes may share one run folder. After every trial, `write_search_report`
    updates the files there.

    Args:
        settings: All settings. Each trial replaces those that are searched.
        run: The folder of the study and its trials.
        reporter: Follows the progress.
        run_trial: Runs a trial.

    Raises:
        ConfigError: The storage cannot be used, or settings of a trial do not go together.
        UsageError: The search space is not that of the trials, or there is no search to start from.
        DataError: No trial was completed.
        InterruptedRunError: The user stopped the search. The message says how to resume.
    """
    with explain_storage_errors(settings.tune, run):
        try:
            study = open_or_begin(settings, run, reporter)
            while claim := claim_trial(study, run, settings):
                with claim.lock:
                    _run(claim, study, run, settings, reporter, run_trial)
        except (KeyboardInterrupt, InterruptedRunError):
            trials = f"tune.trials={settings.tune.trials}"
            raise InterruptedRunError(
                "Stopped; the finished trials are saved. Resume with: "
                f"{command_line('tune', '--resume', run.path, trials)}"
            ) from None
        tuned = _tuned(study, settings)
        with run_lock(run):
            # Once more: a worker may have died between its last trial and its report.
            write_search_report(study, run, settings)
        return tuned


def open_or_begin(settings: Settings, run: RunFolder, reporter: Reporter) -> optuna.Study:
    """Opens the study of a search; a new one takes over the trials of `tune.start`.

    Args:
        settings: All settings.
        run: The folder of the study.
        reporter: Told how many trials are taken over.

    Raises:
        ConfigError: The storage cannot be used.
        UsageError: The search space is not that of the trials, or there is no search to start from.
    """
    with explain_storage_errors(settings.tune, run), run_lock(run, reporter.warn):
        study = open_search(settings.tune, run)
        require_same_space(study, run, settings)
        if settings.tune.start and not study.get_trials(deepcopy=False):
            fitting, finished = take_over(study, settings)
            reporter.say(
                f"Took over {fitting} of the {finished} finished trials of '{settings.tune.start}'."
            )
    return study


def _run(
    claim: ClaimedTrial,
    study: optuna.Study,
    run: RunFolder,
    settings: Settings,
    reporter: Reporter,
    run_trial: RunTrial,
) -> None:
    trial, state, value = claim.trial, TrialState.FAIL, None
    reporter.say(f"Trial {trial.number}: {_spell(claim.drawn)}")
    try:
        chosen = trial_settings(settings, claim.drawn)
        epochs = chosen.train.frozen_epochs + chosen.train.epochs
        result = run_trial(chosen, claim.folder, TrialReporter(trial, epochs, reporter))
        if not math.isfinite(result):
            raise optuna.TrialPruned
        state, value = TrialState.COMPLETE, result
        reporter.say(f"Trial {trial.number}: score {result:.4f}")
    except optuna.TrialPruned:
        state = TrialState.PRUNED
    except (KeyboardInterrupt, InterruptedRunError):
        give_back(study, trial.number)
        raise
    finally:
        study.tell(trial, value, state, skip_if_finished=True)
        with run_lock(run):
            write_search_report(study, run, settings)


def _tuned(study: optuna.Study, settings: Settings) -> Tuned:
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    finished = states.count(TrialState.COMPLETE) + states.count(TrialState.PRUNED)
    running = states.count(TrialState.RUNNING)
    best = best_trial(study)
    if best is None and not running:
        raise DataError(
            f"None of the {finished} trials of the study '{settings.tune.study}' was completed. "
            "Raise tune.trials, or make the search space smaller."
        )
    params = dict(best.params) if best else {}
    value = best.value if best and best.value is not None else math.nan
    return Tuned(params, value, finished, running, study)


def _spell(drawn: Mapping[str, Value]) -> str:
    return ", ".join(
        f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in drawn.items()
    )


class ReportEpochs(keras.callbacks.Callback):
    """Reports the score after every validated epoch; `optuna.TrialPruned` ends the training.

    Args:
        reporter: Of the trial.
    """

    def __init__(self, reporter: TrialReporter) -> None:
        super().__init__()
        self._reporter = reporter

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stops a run that diverged, before its outputs are measured."""
        del batch
        if has_diverged(logs or {}):
            self._reporter.diverged()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Reports the score if the epoch was validated."""
        metrics = validation_metrics(logs or {})
        if metrics:
            self._reporter.report(epoch + 1, score(metrics))


def trial_trainer(data: DataSet, reporter: Reporter) -> RunTrial:
    """Returns a function that trains a network for a trial and scores it on the validation split.

    Args:
        data: The data set of all trials.
        reporter: Follows the progress.

    Raises:
        DataError: The data set has no validation split.
    """
    if not data.of_split("val"):
        raise DataError(
            "`tune` scores trials on the validation split, and this data set has none. "
            "Prepare it with data.val above 0."
        )

    def train(settings: Settings, folder: RunFolder, scores: TrialReporter) -> float:
        keras.backend.clear_session()
        write_text(folder.config, to_yaml(settings))
        try:
            fit(settings, data, folder, reporter, (ReportEpochs(scores),))
        finally:
            # A trial is never resumed in the middle, and checkpoints are large.
            folder.checkpoint.unlink(missing_ok=True)
        return scores.last

    return train
