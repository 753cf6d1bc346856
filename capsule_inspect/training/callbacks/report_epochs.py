"""Telling a search how a training run goes."""

from typing import Any

import keras

from capsule_inspect.runs.history import validation_metrics
from capsule_inspect.runs.score import score
from capsule_inspect.training.callbacks.stop_if_diverged import has_diverged
from capsule_inspect.training.trial_reporter import TrialReporter


class ReportEpochs(keras.callbacks.Callback):
    """Reports the score after every validated epoch; `optuna.TrialPruned` ends the training.

    Args:
        reporter: Of the trial.
    """

    def __init__(self, reporter: TrialReporter) -> None:
        super().__init__()
        self._reporter = reporter

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Ends a run that diverged before its outputs, which are no numbers, are measured."""
        del batch
        if has_diverged(logs or {}):
            self._reporter.diverged()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Reports the score if the epoch was validated."""
        metrics = validation_metrics(logs or {})
        if metrics:
            self._reporter.report(epoch + 1, score(metrics))
